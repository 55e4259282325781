"""COCO-CN: Chinese captions of MSCOCO pictures."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tb_keras.corpus.corpus import Corpus
from tb_keras.datasets.captioned_pictures import Caption, CaptionedPictures, check_split
from tb_keras.datasets.formats.caption_lines import read_caption_lines, read_picture_list

_FILES = {
    "written": "imageid.human-written-caption.txt",
    "translated": "imageid.manually-translated-caption.txt",
    "extension": "coco-cn_ext.icap2020.txt",
}
# The splits that have captions of a kind.
_SPLITS = {
    "written": ("train", "validation", "test", "all"),
    "translated": ("test",),
    "extension": ("all",),
}
_LISTS = {"train": ["train"], "validation": ["val"], "test": ["test"]}
_LISTS["all"] = ["train", "val", "test"]
_NAME = re.compile(r"COCO_((?:train|val)2014)_([0-9]{12})")


def load_coco_cn(
    directory: str | os.PathLike,
    split: str = "test",
    captions: str = "written",
    pictures: str | os.PathLike | None = None,
) -> Corpus:
    r"""Reads COCO-CN.

    Args:
        directory: the folder of the split lists `coco-cn_train.txt`, `coco-cn_val.txt` and
            `coco-cn_test.txt`, with the name of a picture such as COCO_val2014_000000217153 on each
            line, and of the files of captions, with `NAME#NUMBER<TAB>caption` on each line.
            `coco-cn-version1805v1.1.tar.gz` holds them. For the extension, the folder of its file.
        split: "train", "validation", "test" or "all".
        captions: "written", "translated" or "extension". "written" is the 22,218 captions that
            people wrote for the 20,341 pictures, one or two each, in
            `imageid.human-written-caption.txt`. "translated" is people's translations of the five
            English captions of each test picture, in `imageid.manually-translated-caption.txt`;
            it needs the split "test". "extension" is 4,712 more written captions of 4,573 other
            pictures, in `coco-cn_ext.icap2020.txt`; it has no split lists and needs the split
            "all".
        pictures: the folder of MSCOCO's folders `train2014` and `val2014`, relative to `directory`
            or absolute. The default is `directory`.

    Returns:
        A `Corpus` of `texts` and, if a folder of the pictures exists, `image_paths`. The image
        attributes are "file", such as "COCO_val2014_000000217153.jpg", and "id", MSCOCO's image id.
        The text attributes are "sentence", the number of the caption in its file, and "language",
        always "zh". Captions of pictures outside the split are left out.

    Raises:
        FileNotFoundError: if a file is not there, `pictures` is given and has neither folder, or a
            folder lacks some of its pictures.
        ValueError: if an argument is wrong, a file is damaged, a name or caption comes twice, a
            caption is empty, or a picture has no caption. The message names the file and the line.

    Reference:
        Li, Xu, Wang, Lan, Jia, Yang and Xu, "COCO-CN for Cross-Lingual Image Tagging, Captioning
        and Retrieval", IEEE Transactions on Multimedia 21(9), 2019;
        https://github.com/li-xirong/coco-cn.

    Examples:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "coco-cn_ext.icap2020.txt").write_text(
        ...     "COCO_val2014_000000000042#0\t一只狗\n", encoding="utf-8"
        ... )
        >>> corpus = load_coco_cn(folder, "all", captions="extension")
        >>> corpus.texts, corpus.image_attributes["id"]
        (['一只狗'], [42])
    """
    if captions not in _FILES:
        raise ValueError(
            f"`captions` must be one of {', '.join(_FILES)}. Received: {captions!r:.80}"
        )
    check_split(split)
    if split not in _SPLITS[captions]:
        raise ValueError(
            f"`split` must be {_SPLITS[captions][0]!r:.80} for captions={captions!r:.80}. "
            f"Received: {split!r:.80}"
        )
    directory = Path(directory)
    found = read_caption_lines(directory / _FILES[captions])
    if captions == "extension":
        names = [(name, lines[0].where) for name, lines in found.items()]
    else:
        names = [
            line
            for name in _LISTS[split]
            for line in read_picture_list(directory / f"coco-cn_{name}.txt")
        ]
    folder = directory if pictures is None else directory / pictures
    gathered = CaptionedPictures()
    for name, where in names:
        parts = _NAME.fullmatch(name)
        if parts is None:
            raise ValueError(
                f"{where}: expected a name such as COCO_val2014_000000000042. "
                f"Received: {name!r:.80}"
            )
        chinese = [_in_chinese(caption) for caption in found.get(name, [])]
        gathered.add(folder / parts[1] / f"{name}.jpg", chinese, where, id=int(parts[2]))
    return gathered.corpus(pictures is not None)


def _in_chinese(caption: Caption) -> Caption:
    return caption._replace(attributes={**caption.attributes, "language": "zh"})
