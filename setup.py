"""What pyproject.toml cannot say: the shipped models go into the wheel, as `rtseg.engines`."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["rtseg", "rtseg.*"]), "rtseg.engines"],
    package_dir={"rtseg.engines": "engines"},
    package_data={
        "rtseg": ["py.typed", "cuda/*.cu", "web/page/*"],
        "rtseg.engines": ["*/*.onnx", "*/*.md", "*/*.json"],
    },
)
