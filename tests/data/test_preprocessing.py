# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Resizing, normalising and padding, against TFOD's recorded numbers and against literals."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from efficientdet.data.preprocessing import FixedShape, KeepAspectRatio, Preprocessor, pad_with, resize

_MEAN, _STDDEV = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def _d0(**changes) -> Preprocessor:
    return Preprocessor(KeepAspectRatio(512, 512, **changes), mean=_MEAN, stddev=_STDDEV)


@pytest.fixture(scope="module")
def recorded(shared):
    with np.load(shared / "fixtures" / "tfod_d0_parity.npz") as arrays:
        yield arrays


@pytest.mark.parametrize(
    ("picture", "prepared", "true_shape"),
    [
        ("image", "preprocessed", "true_image_shapes"),
        ("resize/land_image", "resize/land_preprocessed", "resize/land_true_shape"),
        ("resize/port_image", "resize/port_preprocessed", "resize/port_true_shape"),
    ],
)
def test_parity_with_tfod(recorded, picture, prepared, true_shape):
    inputs, true_sizes = _d0().preprocess_batch(tf.constant(recorded[picture]))
    np.testing.assert_allclose(inputs[:, ::4, ::4], recorded[f"{prepared}__rowcol_every4"], atol=1e-4)
    np.testing.assert_array_equal(true_sizes, recorded[true_shape][:, :2])
    height, width = true_sizes[0].numpy()
    assert not inputs.numpy()[:, height:].any()
    assert not inputs.numpy()[:, :, width:].any()


@pytest.mark.parametrize(
    ("size", "resized"),
    [((333, 500), (341, 512)), ((480, 360), (512, 384)), ((50, 40), (512, 410)), ((1100, 901), (512, 419))],
)
def test_sizes_that_tfod_recorded(size, resized):
    np.testing.assert_array_equal(KeepAspectRatio(512, 512).resized(tf.constant(size)), resized)


@pytest.mark.parametrize(
    ("size", "resized"),
    # Bounds 300 (shorter side) and 600 (longer): a factor of 3 by the shorter, of 0.5 and 0.6 by the longer side.
    [((100, 150), (300, 450)), ((150, 100), (450, 300)), ((200, 1200), (100, 600)), ((1000, 100), (600, 60))],
)
def test_two_bounds(size, resized):
    resize = KeepAspectRatio(300, 600)
    assert resize.input_size == (600, 600)
    np.testing.assert_array_equal(resize.resized(tf.constant(size)), resized)


@given(height=st.integers(1, 3000), width=st.integers(1, 3000))
def test_a_resized_picture_fits_and_touches(height, width):
    resized = KeepAspectRatio(320, 320).resized(tf.constant([height, width])).numpy()
    assert max(resized) == 320
    assert min(resized) >= 1
    assert abs(min(resized) - 320 * min(height, width) / max(height, width)) <= 0.51 or min(resized) == 1


def test_sampling_positions_are_those_of_tensorflow_1():
    row = tf.constant([[[[0.0] * 3, [30.0] * 3, [60.0] * 3]]])  # output pixel i lies at i * 3/6
    resized = resize(row, tf.constant([1, 6]))
    np.testing.assert_allclose(resized[0, 0, :, 0], [0, 15, 30, 45, 60, 60], atol=1e-5)


def test_normalisation_and_padding_by_hand():
    prepare = Preprocessor(KeepAspectRatio(4, 4, (9.0, 8.0, 7.0)), mean=(10, 20, 30), stddev=(2, 5, 10))
    inputs, true_size = prepare(tf.fill([2, 4, 3], tf.constant(40, tf.uint8)))
    np.testing.assert_array_equal(true_size, [2, 4])
    np.testing.assert_allclose(inputs[:2], np.broadcast_to([15.0, 4.0, 1.0], (2, 4, 3)), atol=1e-6)
    np.testing.assert_allclose(inputs[2:], np.broadcast_to([9.0, 8.0, 7.0], (2, 4, 3)), atol=1e-6)


def test_pixels_come_back_from_inputs():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 24, 24, 3), np.uint8)
    preprocessor = Preprocessor(KeepAspectRatio(24, 24), mean=_MEAN, stddev=_STDDEV)
    inputs, _ = preprocessor.preprocess_batch(tf.constant(pixels))
    back = preprocessor.to_pixels(inputs.numpy())
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, pixels)
    np.testing.assert_array_equal(preprocessor.to_pixels(inputs[0, 0].numpy()), pixels[0, 0])
    # Padding is the mean colour, rounded; what lies outside of 0..255 is clipped.
    np.testing.assert_array_equal(preprocessor.to_pixels(np.zeros([1, 3], np.float32)), [[124, 116, 104]])
    np.testing.assert_array_equal(preprocessor.to_pixels(np.float32([[-9.0, 0.0, 9.0]])), [[0, 116, 255]])


def test_fixed_shape_stretches():
    prepare = Preprocessor(FixedShape(6, 8), mean=(0, 0, 0), stddev=(1, 1, 1))
    inputs, true_sizes = prepare.preprocess_batch(tf.zeros([2, 3, 40, 3], tf.uint8))
    assert inputs.shape == (2, 6, 8, 3)
    np.testing.assert_array_equal(true_sizes, [[6, 8], [6, 8]])
    assert prepare.input_size == (6, 8)


def test_float_pictures_equal_uint8_ones():
    pixels = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
    np.testing.assert_array_equal(_d0()(pixels)[0], _d0()(pixels.astype(np.float32))[0])


def test_inside_tf_data_with_static_shape():
    dataset = tf.data.Dataset.from_tensors(tf.zeros([30, 50, 3], tf.uint8)).map(_d0())
    assert dataset.element_spec[0].shape == (512, 512, 3)
    assert next(iter(dataset))[0].shape == (512, 512, 3)


def test_boxes_follow_the_picture_into_the_padded_frame():
    boxes = _d0().boxes_in_input(tf.constant([[0.5, 0.5, 1.0, 1.0]]), tf.constant([256, 512]))
    np.testing.assert_array_equal(boxes, [[0.25, 0.5, 0.5, 1.0]])
    assert _d0().boxes_in_input(tf.zeros([0, 4]), tf.constant([256, 512])).shape == (0, 4)


@pytest.mark.parametrize(("mean", "stddev"), [((1, 2), (1, 1, 1)), ((1, 2, 3), (1, 0, 1)), ((1, 2, 3), (1,))])
def test_settings_that_make_no_sense(mean, stddev):
    with pytest.raises(ValueError, match="3 values"):
        Preprocessor(FixedShape(8, 8), mean=mean, stddev=stddev)


def test_half_pixel_centers_sample_as_tensorflow_2():
    row = np.float32([0, 10, 40, 90])[np.newaxis, :, np.newaxis].repeat(3, axis=2)
    halved = resize(row[np.newaxis], tf.constant([1, 2]), half_pixel_centers=True)
    np.testing.assert_allclose(halved[0, 0, :, 0], [5, 65])  # between two pixels each
    np.testing.assert_allclose(resize(row[np.newaxis], tf.constant([1, 2]))[0, 0, :, 0], [0, 40])
    picture = np.random.default_rng(0).integers(0, 256, (31, 50, 3), np.uint8)
    for size in ((64, 100), (17, 23)):
        np.testing.assert_array_equal(
            resize(picture[np.newaxis], tf.constant(size), half_pixel_centers=True)[0],
            tf.image.resize(picture, size),
        )
    stretch = Preprocessor(FixedShape(17, 23, half_pixel_centers=True), mean=(0, 0, 0), stddev=(1, 1, 1))
    np.testing.assert_allclose(stretch(picture)[0], tf.image.resize(picture, (17, 23)), atol=1e-5)


def test_sizes_are_rounded_or_truncated():
    # 13 x 16 into 24: a factor of 1.5 makes 19.5; 1 x 100 into 24 is less than a pixel high.
    for size, rounded, truncated in (((13, 16), (20, 24), (19, 24)), ((1, 100), (1, 24), (1, 24))):
        for truncate, expected in ((False, rounded), (True, truncated)):
            resize = KeepAspectRatio(24, 24, truncate_size=truncate)
            np.testing.assert_array_equal(resize.resized(tf.constant(size)), expected)


def test_parity_with_automl(shared):
    resize = KeepAspectRatio(512, 512, half_pixel_centers=True, truncate_size=True)
    mean, stddev = np.array([0.485, 0.456, 0.406]) * 255, np.array([0.229, 0.224, 0.225]) * 255
    with np.load(shared / "fixtures" / "automl_d0.npz") as recorded:
        inputs, true_size = Preprocessor(resize, mean=mean, stddev=stddev)(recorded["e2e_image"])
        expected, (scale,) = recorded["e2e_preprocessed__rowcol_every4"][0], recorded["e2e_scale"]
    np.testing.assert_array_equal(true_size, [384, 512])
    assert 1 / scale == pytest.approx(512 / 500, rel=1e-6)
    np.testing.assert_allclose(inputs[::4, ::4], expected, rtol=1e-4, atol=1e-5)
    assert not inputs[384:].numpy().any()


@pytest.mark.parametrize(
    ("method", "name"),
    [("bilinear", "BILINEAR"), ("nearest", "NEAREST_NEIGHBOR"), ("bicubic", "BICUBIC"), ("area", "AREA")],
)
def test_sampling_is_that_of_tensorflow(method, name):
    picture = np.random.default_rng(0).integers(0, 256, (1, 31, 50, 3), np.uint8)
    normalized = (picture.astype(np.float32) - np.float32(_MEAN)) / np.float32(_STDDEV)
    for size in ((64, 100), (17, 23)):
        # As TFOD does it: after normalising, in the sampling of TensorFlow 1.
        prepare = Preprocessor(FixedShape(*size, method=method), mean=_MEAN, stddev=_STDDEV)
        expected = tf.compat.v1.image.resize_images(
            normalized, size, method=getattr(tf.compat.v1.image.ResizeMethod, name)
        )
        np.testing.assert_allclose(prepare.preprocess_batch(picture)[0], expected, atol=1e-4)
        np.testing.assert_array_equal(
            resize(picture, tf.constant(size), method=method, half_pixel_centers=True),
            tf.cast(tf.image.resize(picture, size, method=method), tf.float32),
        )
    same = resize(picture, tf.constant([31, 50]), method=method)
    assert same.dtype == tf.float32
    np.testing.assert_allclose(same, picture, atol=1e-4)


def test_a_gray_input_has_three_equal_channels():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 30, 50, 3), np.uint8)
    settings = KeepAspectRatio(32, 32, (9.0, 8.0, 7.0), grayscale=True)
    inputs, true_sizes = Preprocessor(settings, mean=(0, 0, 0), stddev=(1, 1, 1)).preprocess_batch(pixels)
    np.testing.assert_array_equal(true_sizes, [[19, 32]] * 2)
    expected = tf.image.rgb_to_grayscale(resize(pixels, tf.constant([19, 32])))
    np.testing.assert_allclose(inputs[:, :19], np.repeat(expected, 3, axis=-1), rtol=1e-5)
    np.testing.assert_array_equal(inputs[:, 19:], np.broadcast_to([9.0, 8.0, 7.0], [2, 13, 32, 3]))
    dataset = tf.data.Dataset.from_tensors(pixels[0]).map(Preprocessor(settings, mean=_MEAN, stddev=_STDDEV))
    assert dataset.element_spec[0].shape == (32, 32, 3)


@pytest.mark.parametrize("method", ["bilinear", "nearest", "bicubic", "area"])
@pytest.mark.parametrize(
    "settings", [KeepAspectRatio(24, 24, (1.0, 0.0, 2.0)), FixedShape(24, 24)], ids=["keep", "fixed"]
)
def test_a_picture_known_to_fit_is_as_one_that_turns_out_to(settings, method):
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    prepare = Preprocessor(settings._replace(method=method), mean=_MEAN, stddev=_STDDEV)
    found_out = tf.function(prepare, input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)], autograph=False)
    known = tf.function(prepare, autograph=False).get_concrete_function(tf.TensorSpec([24, 24, 3], tf.uint8))
    operations = {operation.type for operation in known.graph.get_operations()}
    assert not {name for name in operations if "Resize" in name or "Pad" in name}
    for one, other in zip(known(tf.constant(pixels)), found_out(tf.constant(pixels)), strict=True):
        np.testing.assert_allclose(one, other, atol=3e-7)
    np.testing.assert_array_equal(prepare.to_pixels(known(tf.constant(pixels))[0].numpy()), pixels)


@pytest.mark.parametrize("color", [(0.0, 0.0, 0.0), (7.0, 8.0, 9.0)])
@pytest.mark.parametrize("leading", [(), (2,)])
def test_padding_on_all_sides(color, leading):
    images = np.random.default_rng(0).integers(0, 256, (*leading, 2, 3, 3)).astype(np.float32)
    expected = np.empty((*leading, 2 + 1 + 2, 3 + 3 + 4, 3), np.float32)
    expected[:] = color
    expected[..., 1:3, 3:6, :] = images
    rows, columns = (1, tf.constant(2)), (tf.constant(3), 4)
    np.testing.assert_array_equal(pad_with(tf.constant(images), rows, columns, color), expected)
    np.testing.assert_array_equal(pad_with(tf.constant(images), rows, columns, tf.constant(color)), expected)
