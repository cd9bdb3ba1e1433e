"""`rtseg train`: how a network is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rtseg.cli.options import data_option, existing_or_not, hw_from_text, need_training_libraries
from rtseg.cli.recipe_file import recipe_option

if TYPE_CHECKING:
    from pathlib import Path

    from rtseg.training.recipe import Epoch


@click.command("train")
@recipe_option
@data_option
@click.option(
    "--out", type=existing_or_not, required=True, metavar="DIR", help="Where checkpoint and curves go."
)
@click.option(
    "--net", default="unet", show_default=True, metavar="NAME", help="`rtseg models --nets` lists them."
)
@click.option("--encoder", metavar="NAME", help="lite0, the default, lite1, lite2 or plain; stack has none.")
@click.option(
    "--init",
    metavar="M",
    help="Begin with the weights of a model, rtseg-m or an FP32 file, at a lower --learning-rate.",
)
@click.option(
    "--split",
    "splits",
    multiple=True,
    default=("train",),
    show_default=True,
    metavar="NAME[/N]",
    help="Split to train on, every Nth frame of it; may be given more than once.",
)
@click.option(
    "--validate", default="val", show_default=True, metavar="NAME", help="Split to score; none for none."
)
@click.option(
    "--data-name", default="not stated", metavar="TEXT", help="What the data is called, for the model file."
)
@click.option(
    "--data-licence", default="not stated", metavar="TEXT", help="On which terms it may be used, likewise."
)
@click.option("--epochs", type=click.IntRange(min=1), default=250, show_default=True)
@click.option("--batch", type=click.IntRange(min=2), default=8, show_default=True, help="Views a step.")
@click.option(
    "--size",
    metavar="WxH",
    help="Bring frames to this size, the model's input; left out, they stay as they are.",
)
@click.option(
    "--crop", metavar="WxH", help="Size of a view, pixels; 416x320 if left out, or as much of --size."
)
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), default=2e-3, show_default=True)
@click.option(
    "--spoilt-share",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of views with a sensor's noise or JPEG's blocks, for a camera that is worse than the data's.",
)
@click.option(
    "--cutout-share",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of views in which a rectangle is grey, and labelled all the same.",
)
@click.option(
    "--jaccard",
    type=click.FloatRange(min=0),
    default=0.5,
    show_default=True,
    help="Weight of the soft Jaccard loss beside the cross-entropy.",
)
@click.option(
    "--hardest",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    help="Share of the pixels, the hardest, that the cross-entropy is of; 0.3 finds rare classes sooner.",
)
@click.option("--soft-edges", is_flag=True, help="Let labels fade into each other where they meet.")
@click.option(
    "--at-edges",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="How much more than others a pixel counts where labels meet.",
)
@click.option(
    "--deep-supervision",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Weight of the loss of the encoder's deepest maps, for a network that begins with nothing.",
)
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    metavar="M",
    help="A model or checkpoint to learn from, beside the labels; may be given more than once.",
)
@click.option(
    "--teaching",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Weight of what the teachers say.",
)
@click.option(
    "--film",
    "films",
    multiple=True,
    metavar="SOURCE",
    help="Frames without labels, on which the teachers alone are learnt from; may be given more than once.",
)
@click.option(
    "--synthetic-share",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of frames from synthetic drives.",
)
@click.option(
    "--validate-every",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    metavar="N",
    help="Score after every Nth epoch.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--device",
    type=click.Choice(("auto", "cpu", "cuda")),
    default="auto",
    show_default=True,
    help="Where to train; auto is cuda where torch has it.",
)
@click.option("--resume", is_flag=True, help="Go on from the last epoch written to --out.")
def train_command(
    data: Path,
    out: Path,
    net: str,
    encoder: str | None,
    init: str | None,
    splits: tuple[str, ...],
    validate: str,
    data_name: str,
    data_licence: str,
    epochs: int,
    batch: int,
    size: str | None,
    crop: str | None,
    learning_rate: float,
    spoilt_share: float,
    cutout_share: float,
    jaccard: float,
    hardest: float,
    soft_edges: bool,
    at_edges: float,
    deep_supervision: float,
    teachers: tuple[str, ...],
    teaching: float,
    films: tuple[str, ...],
    synthetic_share: float,
    validate_every: int,
    seed: int,
    device: str,
    resume: bool,
) -> None:
    """Train a network; the defaults are the recipe with which the shipped models began.

    \b
    Examples:
      rtseg train --data camvid --out runs/unet
      rtseg train --data mine --out runs/mine --init rtseg-m --learning-rate 2e-4 --epochs 20
      rtseg train --data camvid --out runs/taught --teacher rtseg-m --film clip.mp4
      rtseg train --data camvid --out runs/fcn --net fcn-8s --encoder plain --epochs 20

    Writes model.safetensors, curves.csv, curves.png and, for --resume, resume.pt.
    On a CPU the same options, data, seed and machine give the same weights, bit for bit; on CUDA they
    do not, only weights that are as good.
    """
    need_training_libraries()
    from rtseg.cli.screen import progress_bar
    from rtseg.training.augment import Augmentation, crop_of
    from rtseg.training.checkpoint import USUAL_SIZE_HW
    from rtseg.training.nets import encoders_of
    from rtseg.training.recipe import TrainOptions
    from rtseg.training.train import train

    size_hw = hw_from_text(size) if size else None
    crop_hw = hw_from_text(crop) if crop else crop_of(size_hw or USUAL_SIZE_HW)
    options = TrainOptions(
        data=data,
        out=out,
        splits=splits,
        validate=None if validate == "none" else validate,
        net=net,
        encoder=encoder or encoders_of(net)[0],
        init=init,
        data_name=data_name,
        data_licence=data_licence,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        jaccard=jaccard,
        hardest=hardest,
        soft_edges=soft_edges,
        at_edges=at_edges,
        deep_supervision=deep_supervision,
        teachers=teachers,
        teaching=teaching,
        films=films,
        size_hw=size_hw,
        synthetic_share=synthetic_share,
        validate_every=validate_every,
        seed=seed,
        device=device,
        augmentation=Augmentation(crop_hw=crop_hw, spoilt_share=spoilt_share, cutout_share=cutout_share),
    )
    with progress_bar("loss", "miou") as shown:
        looking = shown.add_task("teachers look", total=None, loss="", miou="", visible=bool(teachers))
        task = shown.add_task("training", total=None, loss="", miou="")

        def on_look(done: int, total: int) -> None:
            shown.update(looking, completed=done, total=total)

        def on_step(done: int, total: int, loss: float) -> None:
            shown.update(task, completed=done, total=total, loss=f"loss {loss:.3f}")

        def on_epoch(epoch: Epoch) -> None:
            if epoch.miou is not None:
                shown.update(task, miou=f"mIoU {epoch.miou:.3f}")
            shown.console.print(_line(epoch, epochs))

        path = train(options, resume=resume, on_step=on_step, on_epoch=on_epoch, on_look=on_look)
    click.echo(path)


def _line(epoch: Epoch, epochs: int) -> str:
    score = f", mIoU {epoch.miou:.4f}" if epoch.miou is not None else ""
    return f"epoch {epoch.number}/{epochs}: loss {epoch.loss:.4f}{score}, {epoch.seconds:.0f} s"
