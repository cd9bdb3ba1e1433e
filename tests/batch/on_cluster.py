"""A batch on a Ray cluster of several nodes on this machine, one of which is killed on the way.

python -m tests.batch.on_cluster FOLDER OUT SAID.json
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

from ray.cluster_utils import Cluster as LocalCluster

from rtseg import RunOptions
from rtseg.batch import pieces
from rtseg.batch.batch import ENDINGS, Batch, BatchOptions
from rtseg.batch.cluster import Cluster
from rtseg.sinks.segments import SEGMENT_FRAMES


def main() -> None:
    """Run the batch, and write down how it went."""
    pieces.LEAST_FRAMES = SEGMENT_FRAMES
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    nodes = LocalCluster(initialize_head=True, head_node_args={"num_cpus": 0})
    doomed = nodes.add_node(num_cpus=2)
    nodes.add_node(num_cpus=2)
    run = RunOptions("", backend="simulated:40", threads=1)
    batch = Batch(BatchOptions([str(folder)], out, endings=ENDINGS, run=run))
    cluster = Cluster(nodes.address, threads=1, gpus=0)

    def kill_a_node() -> None:
        while not list(out.rglob(".*.resume")):
            time.sleep(0.05)
        time.sleep(1)
        nodes.remove_node(doomed, allow_graceful=False)

    workers = [cluster.workers]
    killer = threading.Thread(target=kill_a_node)
    killer.start()
    batch.run(cluster)
    killer.join()
    workers.append(cluster.workers)
    report = batch.report()
    said = {"workers": workers, "files": report["files"], "errors": report["errors"]}
    Path(sys.argv[3]).write_text(json.dumps(said))
    cluster.close()
    nodes.shutdown()


if __name__ == "__main__":
    main()
