"""Where models come from: data, networks, training, evaluation, export and quantisation.

Never imported by the run-time; needs the extra `train` (torch, onnx, safetensors, matplotlib), except for
`data`, `confusion` and `evaluate`, which judge an exported model and need only what rtseg itself needs.
"""
