"""Image encoders by name: image files to features, in one Keras model."""

from __future__ import annotations

import os
import re

import keras

from tb_keras.checks.arguments import check_int
from tb_keras.encoders.image.image_backbone import image_backbone
from tb_keras.encoders.image.image_crops import (
    JoinedCrops,
    MeanOfCrops,
    TenCrops,
    WithMirrorImages,
)
from tb_keras.encoders.image.image_decoding import DecodeImages
from tb_keras.encoders.presets.preset_images import preset_resizing
from tb_keras.encoders.shortened_names import whole_name

_RESIZED_TO_CROP = 256 / 224  # side of the image that ten crops are cut from, in sides of a crop


def image_encoder(
    name: str = "efficientnet_lite0_levels",
    weights: str | os.PathLike | None = "pretrained",
    size: int | None = None,
    crops: int = 1,
) -> keras.Model:
    """Builds an image encoder by its name: a model from image files to features.

    The network sees one crop, the largest central square of the image (or what a preset makes of
    it); or this and its mirror image, whose features are averaged; or ten crops. For these the
    whole image is resized to 256 x 256 pixels, whatever its aspect ratio; the crops are the four
    corners and the centre of 224 x 224 pixels, and their mirror images. Networks of another size
    have the same proportion.

    Args:
        name: one of

            - `"efficientnet_lite0_levels"`, and likewise of lite1 and lite2: four depths of a
              network that is fast on CPUs, 3584 features, 3776 of lite2. The weights come with a
              pip package.
            - `"efficientnet_lite0"`, `"efficientnet_lite1"`, `"efficientnet_lite2"`: the last depth
              alone, 1280 features.
            - `"vgg19_fc7"`: the second fully connected layer of VGG-19 after its ReLU, 4096
              features; `"resnet152"`: the pooled last layer of ResNet-152, 2048 features. These are
              the image features of the papers, from `keras.applications`.
            - `"keras.applications/NAME"`, such as `"keras.applications/MobileNetV2"`: that model
              without its head, average-pooled, with its own input size and preprocessing.
            - `"keras_hub/PRESET"`: an image backbone of keras-hub, by the name of its preset or the
              path of a directory, which resizes and scales as the preset's image converter does.
              Feature maps are averaged over their positions; ViT, DeiT and DINO give their class
              token; CLIP, SigLIP and MetaCLIP 2 the features that they compare with texts, see
              `encoder_pair`.
            - several of these but presets joined by `"+"`, such as
              `"efficientnet_lite0_levels+efficientnet_lite2"`: the features of all. The image is
              decoded at the largest size and scaled down for the others.
            - an EfficientNet-Lite or an image tower of keras-hub without its last blocks, such as
              `"efficientnet_lite0_levels[:-2]"`: rows for what `last_image_blocks` returns. Of any
              encoder, `"NAME[:0]"` gives the pixels themselves.
        weights: `"pretrained"` for the published weights, which are downloaded except for
            EfficientNet-Lite; None for random ones; or the path of a weights file (not for
            keras-hub, where the name itself may be a path, nor for joined names).
        size: height and width of the network's input in pixels, at least 32; its own size if left
            out. Small images take less time. Not for keras-hub, nor for the published weights of
            vgg19_fc7, whose fully connected layers are made for 224 pixels.
        crops: 1, 2 or 10. Ten crops take ten times the time and memory.

    Returns:
        A model from a string tensor `(batch,)`, the content of one PNG, JPEG, GIF or BMP file each,
        to float32 features `(batch, feature_dim)`, for `batch` of at least 1. Its layer
        `"decode_images"` decodes the files, and its layer `"backbone"` is the model from the
        float32 pixels `(batch, height, width, 3)` of one crop, in [0, 255], to its features.

    Raises:
        ValueError: the name is unknown (the message lists the known ones), `size` is out of range,
            or `crops` is none of 1, 2 and 10.
        OSError: the weights cannot be downloaded.
        ImportError: the package that `name` needs is not installed.

    Reference:
        Wang, Li and Lazebnik, CVPR 2016, for the ten crops; Simonyan and Zisserman, ICLR 2015, for
        VGG-19; He et al., CVPR 2016, for ResNet-152.

    Examples:
        >>> import tensorflow as tf
        >>> encoder = image_encoder("keras.applications/MobileNetV2", weights=None)
        >>> png = tf.io.encode_png(tf.zeros((10, 10, 3), tf.uint8))
        >>> encoder(png[None]).shape
        TensorShape([1, 1280])
        >>> encoder.get_layer("backbone").input_shape
        (None, 224, 224, 3)
    """
    if size is not None:
        check_int("size", size, least=32)
    if crops not in (1, 2, 10):
        raise ValueError(f"`crops` must be 1, 2 or 10. Received: crops={crops!r}")
    backbone = image_backbone(name, weights, size)
    height, width = backbone.inputs[0].shape[1:3]
    whole, left_out = whole_name(name)
    resizing = preset_resizing(whole)
    image_bytes = keras.Input((), dtype="string", name="image_bytes")
    if crops < 10:
        decode = DecodeImages(height, width, **resizing, name="decode_images")
        pixels = decode(image_bytes)
        if crops == 2:
            pixels = WithMirrorImages(name="with_mirror_images")(pixels)
        features = backbone(pixels)
    else:
        whole_height, whole_width = (round(side * _RESIZED_TO_CROP) for side in (height, width))
        resizing["crop_to_aspect_ratio"] = False
        decode = DecodeImages(whole_height, whole_width, **resizing, name="decode_images")
        features = backbone(TenCrops(height, width, name="ten_crops")(decode(image_bytes)))
    if crops > 1 and left_out:  # `last_image_blocks` averages them
        features = JoinedCrops(crops, name="joined_crops")(features)
    elif crops > 1:
        features = MeanOfCrops(crops, name="mean_of_crops")(features)
    return keras.Model(image_bytes, features, name=re.sub(r"\W+", "_", name))
