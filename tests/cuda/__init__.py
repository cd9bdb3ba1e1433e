"""The device that the TensorRT backend sees in the tests; README.md says what it shows."""
