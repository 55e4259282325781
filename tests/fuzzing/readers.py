"""Every reader of files, with valid files that it reads."""

import gzip
import io
import json
import pickle
import tarfile
import zipfile

import numpy as np

READERS = {}


def _reader(write):
    """Registers a reader: a function that writes files into a folder, and returns one that reads.

    That reads the files of such a folder, damaged or not.
    """
    READERS[write.__name__.removeprefix("_")] = write
    return write


def _load(*arguments, **options):
    from tb_keras.datasets import load

    return load(*arguments, **options)


def _text(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def _picture(kind="PNG", size=(20, 12), seed=0, **settings):
    from PIL import Image

    y, x = np.mgrid[: size[1], : size[0]]
    pixels = np.stack([9 * x, 12 * y, 50 * seed + x - y], axis=2).astype(np.uint8)
    image, mode = Image.fromarray(pixels), settings.pop("mode", "RGB")
    image = image.quantize(16) if mode == "P" else image.convert(mode)
    stream = io.BytesIO()
    image.save(stream, kind, **settings)
    return stream.getvalue()


def _exif():
    from PIL import Image

    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "a camera", 6
    return exif


ROWS = [
    {"image": f"{row % 3}.png", "text": f'a "text", {row}', "language": "en", "split": split}
    for row, split in enumerate(["train", "validation", "test"] * 3)
]
BOXES = [{**row, "x_min": 1, "y_min": 2.5, "x_max": 9, "y_max": 11} for row in ROWS[:4]]


def _pictures(folder, exif=False):
    for number in range(3):
        content = _picture(seed=number, **({"exif": _exif()} if exif else {}))
        (folder / f"{number}.png").write_bytes(content)


def _delimited(rows, delimiter):
    import csv

    stream = io.StringIO()
    table = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
    table.writeheader()
    table.writerows(rows)
    return stream.getvalue()


@_reader
def _csv(folder):
    _pictures(folder)
    _text(folder, {"pairs.csv": _delimited(ROWS, ",")})
    return lambda folder: _load("table", folder / "pairs.csv", "all")


@_reader
def _tsv(folder):
    _pictures(folder)
    _text(folder, {"pairs.tsv": _delimited(ROWS, "\t")})
    return lambda folder: _load("table", folder / "pairs.tsv", split="train")


@_reader
def _jsonl(folder):
    _pictures(folder)
    _text(folder, {"pairs.jsonl": "\n".join(map(json.dumps, ROWS))})
    return lambda folder: _load("table", folder / "pairs.jsonl", "all")


@_reader
def _parquet(folder):
    import pyarrow
    import pyarrow.parquet

    _pictures(folder)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), folder / "pairs.parquet")
    return lambda folder: _load("table", folder / "pairs.parquet")


@_reader
def _parquet_of_pictures(folder):
    import pyarrow
    import pyarrow.parquet

    cells = [{"bytes": _picture(seed=row), "path": f"{row}.png"} for row in range(9)]
    rows = [{**row, "image": cell} for row, cell in zip(ROWS, cells)]
    table = pyarrow.Table.from_pylist(rows)
    pyarrow.parquet.write_table(table, folder / "pairs.parquet", row_group_size=4)
    return lambda folder: _read_pictures(_load("table", folder / "pairs.parquet"))


@_reader
def _tar_shards(folder):
    import tarfile

    for shard in range(2):
        with tarfile.open(folder / f"{shard}.tar", "w") as archive:
            for row in range(4):
                sample = {"caption": [f"text {row}", "another"], "split": ROWS[row]["split"]}
                files = {"png": _picture(seed=row), "json": json.dumps(sample).encode()}
                files |= {"txt": f"text {row}\n".encode()} if row % 2 else {}
                for ending, content in files.items():
                    member = tarfile.TarInfo(f"{'long name ' * 12 if row == 3 else row}.{ending}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
    return lambda folder: _read_pictures(_load("table", folder / "{0..1}.tar"))


def _read_pictures(corpus):
    from tb_keras.storage.pictures.picture_reference import picture_digest, read_picture

    for path in corpus.image_paths:
        read_picture(path)
        picture_digest(path)


@_reader
def _boxes_csv(folder):
    _pictures(folder, exif=True)
    _text(folder, {"boxes.csv": _delimited(BOXES, ",")})
    return lambda folder: _load("table", folder / "boxes.csv", "all", boxes=True)


@_reader
def _boxes_jsonl(folder):
    rows = [{"image": f"{n}.jpg", "text": "a", "box": [1, 2, 3, 4]} for n in range(2)]
    for number, kind in enumerate(("JPEG", "WEBP")):
        (folder / f"{number}.jpg").write_bytes(_picture(kind, exif=_exif()))
    _text(folder, {"boxes.jsonl": "\n".join(map(json.dumps, rows))})
    return lambda folder: _load("table", folder / "boxes.jsonl", "all", boxes=True)


@_reader
def _columns(folder):
    _pictures(folder)
    rows = [
        {"file_name": f"{n}.png", "caption_1": "a", "caption_2": f"b {n}", "group": f"g{n % 2}"}
        for n in range(3)
    ]
    _text(folder, {"pairs.csv": _delimited(rows, ";")})
    return lambda folder: _load("table", folder / "pairs.csv", "all")


@_reader
def _lists(folder):
    _pictures(folder)
    rows = [{"image": f"{n}.png", "captions": ["a", f"b {n}"]} for n in range(3)]
    _text(folder, {"pairs.jsonl": "\n".join(map(json.dumps, rows))})
    return lambda folder: _load("table", folder / "pairs.jsonl", "all")


@_reader
def _json_list(folder):
    _pictures(folder)
    rows = [{"image": f"{n}.png", "caption": f"b {n}"} for n in range(3)]
    _text(folder, {"pairs.json": json.dumps(rows)})
    return lambda folder: _load("table", folder / "pairs.json", "all")


@_reader
def _json_like_coco(folder):
    _pictures(folder)
    images = [{"id": n, "file_name": f"{n}.png"} for n in range(3)]
    captions = [{"image_id": n, "id": n, "caption": f"b {n}"} for n in range(3)]
    content = json.dumps({"images": images, "annotations": captions})
    _text(folder, {"captions.json": content})
    return lambda folder: _load("table", folder / "captions.json", "all")


@_reader
def _image_folder(folder):
    for split in ("train", "test"):
        (folder / split).mkdir()
        _pictures(folder / split)
        rows = [{"file_name": f"{n}.png", "text": f"{split} {n}"} for n in range(3)]
        _text(folder, {f"{split}/metadata.csv": _delimited(rows, ",")})
    return lambda folder: _load("table", folder, "train")


@_reader
def _texts_beside(folder):
    _pictures(folder)
    _text(folder, {f"{n}.txt": f"a dog {n}\na pet\n" for n in range(3)})
    return lambda folder: _load("table", folder, "all")


@_reader
def _webdataset(folder):
    with tarfile.open(folder / "shard-000.tar", "w") as archive:
        for number in range(3):
            for name, content in (("png", _picture(seed=number)), ("txt", b"a dog")):
                member = tarfile.TarInfo(f"{number:03d}.{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return lambda folder: _load("table", folder / "shard-000.tar", "all")


@_reader
def _pictures_in_parquet(folder):
    import pyarrow
    import pyarrow.parquet

    rows = [
        {"image": {"bytes": _picture(seed=n), "path": f"{n}.png"}, "text": f"a {n}"}
        for n in range(3)
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "train.parquet")
    return lambda folder: _load("table", folder / "train.parquet", "all")


@_reader
def _list_of_pictures(folder):
    from tb_keras.scripts.own_data.picture_list import listed_pictures

    _text(folder, {"list.txt": "a.png\nb/c.png\n\u00e4.jpg\n"})
    return lambda folder: listed_pictures(str(folder / "list.txt"))


@_reader
def _arrays(folder):
    random = np.random.default_rng(0)
    np.save(folder / "images.npy", random.random((4, 3)).astype("float32"))
    np.save(folder / "images.ids.npy", np.array(["a", "b", "c", "d"]))
    np.save(folder / "texts.npy", random.random((8, 2)))
    np.save(folder / "texts.image_ids.npy", np.repeat(["a", "b", "c", "d"], 2))
    _text(folder, {"images.splits.txt": "train\ntrain\nval\ntest\n"})
    return lambda folder: _load("arrays", folder, "train")


@_reader
def _array_archives(folder):
    random = np.random.default_rng(0)
    np.savez(folder / "images.npz", features=random.random((4, 3)), ids=np.arange(4))
    np.savez_compressed(
        folder / "texts.npz",
        features=random.random((8, 2)),
        image_ids=np.repeat(np.arange(4), 2),
        strings=[f"text {row}" for row in range(8)],
    )
    return lambda folder: _load("arrays", folder, "all")


@_reader
def _flickr8k(folder):
    lines = [f"{n}.jpg#{k}\tA dog {k} on {n} .\n" for n in range(3) for k in range(5)]
    lists = {"train": "0.jpg\n", "dev": "1.jpg\n", "test": "2.jpg\n"}
    lists = {f"Flickr_8k.{name}Images.txt": text for name, text in lists.items()}
    _text(folder, {"Flickr8k.token.txt": "".join(lines), **lists})
    return lambda folder: _load("flickr8k", folder, "all")


@_reader
def _flickr30k(folder):
    _karpathy(folder, "dataset_flickr30k.json")
    return lambda folder: _load("flickr30k", folder, "all")


@_reader
def _flickr30k_token(folder):
    lines = [f"{n}.jpg#{k}\tA dog {k} on {n} .\n" for n in range(3) for k in range(5)]
    lists = {"train.txt": "0\n", "val.txt": "1\n", "test.txt": "2\n"}
    _text(folder, {"results_20130124.token": "".join(lines), **lists})
    return lambda folder: _load("flickr30k", folder, "train")


def _karpathy(folder, name):
    images = [
        {
            "filename": f"COCO_val2014_{number:012d}.jpg",
            "filepath": "val2014",
            "cocoid": number,
            "imgid": number,
            "split": split,
            "sentences": [{"raw": f"A dog {k}.", "sentid": 9 * number + k} for k in range(5)],
        }
        for number, split in enumerate(("train", "restval", "val", "test"))
    ]
    _text(folder, {name: json.dumps({"images": images})})


@_reader
def _coco(folder):
    _karpathy(folder, "dataset_coco.json")
    return lambda folder: _load("coco", folder, "all")


@_reader
def _coco_captions(folder):
    for number, name in enumerate(("train2014", "val2014")):
        images = [{"id": number, "file_name": f"COCO_{name}_{number:012d}.jpg"}]
        captions = [{"image_id": number, "id": 9 * number + k, "caption": "a"} for k in range(3)]
        content = json.dumps({"images": images, "annotations": captions})
        _text(folder, {f"annotations/captions_{name}.json": content})
    return lambda folder: _load("coco", folder, "all")


@_reader
def _multi30k(folder):
    lists = {"train": "1.jpg\n2.jpg\n", "val": "3.jpg\n", "test_2016_flickr": "4.jpg\n"}
    for name, text in lists.items():
        _text(folder, {f"task1/image_splits/{name}.txt": text})
        for language in ("en", "de"):
            captions = "".join(f"ein Hund {line}\n" for line in text.split())
            file = folder / "task1" / "raw" / f"{name}.{language}"
            file.parent.mkdir(exist_ok=True)
            if language == "de":
                file.write_text(captions)
            else:
                file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(captions.encode()))
    return lambda folder: _load("multi30k", folder, "all", languages=["en", "de"])


@_reader
def _coco_cn(folder):
    names = [f"COCO_val2014_{number:012d}" for number in range(3)]
    splits = {f"coco-cn_{s}.txt": n for s, n in zip(("train", "val", "test"), names)}
    lines = "".join(f"{name}#{k}\t\u4e00\u53ea\u732b\n" for name in names for k in range(2))
    _text(folder, {**splits, "imageid.human-written-caption.txt": lines})
    return lambda folder: _load("coco_cn", folder, "all")


@_reader
def _flickr30k_entities(folder):
    box = "<xmin>11</xmin><ymin>21</ymin><xmax>100</xmax><ymax>300</ymax>"
    xml = (
        "<annotation><filename>1.jpg</filename><size><width>333</width><height>500</height>"
        f"</size><object><name>1</name><name>2</name><bndbox>{box}</bndbox></object>"
        "<object><name>9</name><scene>0</scene><nobndbox>1</nobndbox></object></annotation>"
    )
    text = "[/EN#1/people Two young guys] with [/EN#2/bodyparts hair] [/EN#0/notvisual it] .\n"
    for number, split in enumerate(("train", "val", "test")):
        _text(
            folder,
            {
                f"{split}.txt": f"{number}\n",
                f"Sentences/{number}.txt": 2 * text,
                f"Annotations/{number}.xml": xml,
            },
        )
    return lambda folder: _load("flickr30k_entities", folder, "train", check_pictures=False)


@_reader
def _referit(folder):
    boxes = {f"{n}_{k}.png": [n, k, n + 100, k + 80] for n in (7, 30) for k in (1, 2)}
    files = {
        "query_test": {"30_2.png": ["tallest bldng", "sky"], "7_1.png": ["sky"]},
        "imcrop": {"7.jpg": ["7_1.png", "7_2.png"], "30.jpg": ["30_1.png", "30_2.png"]},
        "bbox": boxes,
        "imsize": {"7.jpg": [360, 480], "30.jpg": [480, 360]},
    }
    _text(folder, {f"referit_{n}.json": json.dumps(content) for n, content in files.items()})
    return lambda folder: _load("referit", folder, "test", check_pictures=False)


def _refer(folder):
    instances = {
        "images": [{"id": 9, "file_name": "9.jpg", "width": 640, "height": 480}],
        "annotations": [
            {"id": n, "image_id": 9, "bbox": [10.5, 20, 100, 50], "category_id": 1} for n in (1, 2)
        ],
        "categories": [{"id": 1, "name": "dog"}],
    }
    _text(folder, {"instances.json": json.dumps(instances)})
    return [
        {
            "ref_id": n,
            "ann_id": n,
            "image_id": 9,
            "split": "testA",
            "sentences": [{"sent": "left dog", "sent_id": 10 * n, "tokens": ["left", "dog"]}],
        }
        for n in (1, 2)
    ]


@_reader
def _refcoco(folder):
    references = _refer(folder)
    (folder / "refs(unc).p").write_bytes(pickle.dumps(references, protocol=2))
    return lambda folder: _load("refcoco", folder, "test", check_pictures=False)


@_reader
def _refcoco_json(folder):
    _text(folder, {"refs(unc).json": json.dumps(_refer(folder))})
    return lambda folder: _load("refcoco", folder, "testA", check_pictures=False)


@_reader
def _authors(folder):
    import h5py
    import scipy.io

    random = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        images = {"image_features": random.random((2, 3))}
        scipy.io.savemat(folder / f"image_feature_{split}.mat", images)
        path = folder / f"text_feature_{split}.mat"
        with h5py.File(path, "w", userblock_size=512) as file:
            file.create_dataset("text_features", data=random.random((2, 10)))
        with path.open("r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file".ljust(512))
    return lambda folder: _load("authors", folder, "validation")


@_reader
def _port_of_authors(folder):
    for number, split in enumerate(("train", "val", "test")):
        np.save(folder / f"{split}_features.npy", np.random.default_rng(0).random((1, 3)))
        _text(folder, {f"{split}.txt": f"{number}\n"})
    lines = [f"{n}.jpg#{k}\tA dog {k} on {n} .\n" for n in range(3) for k in range(5)]
    _text(folder, {"results_20130124.token": "".join(lines)})
    return lambda folder: _load("authors", folder, "test")


def _vectors(folder, name, content):
    (folder / name).write_bytes(content)

    def read(folder):
        from tb_keras.encoders.text.word_vector_files import read_word_vectors

        return read_word_vectors(folder / name)

    return read


VECTORS = "".join(f"word{n} 0.5 -1.25 {n}\n" for n in range(6)).encode()


@_reader
def _word_vectors(folder):
    return _vectors(folder, "vectors.txt", b"6 3\n" + VECTORS)


@_reader
def _glove(folder):
    return _vectors(folder, "glove.txt.gz", gzip.compress(VECTORS))


@_reader
def _binary_word_vectors(folder):
    rows = [f"word{n} ".encode() + np.arange(3, dtype="<f4").tobytes() for n in range(6)]
    return _vectors(folder, "vectors.bin", b"6 3\n" + b"".join(rows))


@_reader
def _torch_checkpoint(folder):
    pickled = (
        b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n"
        b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000"
        b"X\x03\x00\x00\x00cpuK\x02tQK\x00K\x02\x85K\x01\x85\x89}tRs."
    )
    with zipfile.ZipFile(folder / "tiny.pt", "w") as archive:
        archive.writestr("tiny/data.pkl", pickled)
        archive.writestr("tiny/data/0", np.array([1, 2], "<f4").tobytes())
    return _checkpoint("tiny.pt")


@_reader
def _old_torch_checkpoint(folder):
    from pathlib import Path

    golden = Path(__file__).parents[1] / "encoders" / "image" / "golden" / "state_dict_legacy.pt"
    (folder / "old.pt").write_bytes(golden.read_bytes())
    return _checkpoint("old.pt")


def _checkpoint(name):
    def read(folder):
        from tb_keras.encoders.image.torch_checkpoint import read_torch_checkpoint

        try:
            return read_torch_checkpoint(folder / name)
        except pickle.UnpicklingError as error:  # as documented
            raise ValueError(str(error)) from error

    return read


@_reader
def _corpus(folder):
    from tb_keras.corpus.corpus import Corpus
    from tb_keras.corpus.grounding import Grounding
    from tb_keras.corpus.matches import Matches

    grounding = Grounding(
        ["a.png"], [[9, 9]], [0, 0], [[0, 0, 2, 2], [1, 1, 3, 3]], [0], [[0, 0, 2, 2]]
    )
    Corpus(
        Matches([(0, 0)], 2, 1, ignored=[(1, 0)]),
        image_features=np.eye(2),
        text_features=np.ones((1, 4)),
        texts=["a dog"],
        text_attributes={"language": ["en"]},
        grounding=grounding,
    ).save(folder / "corpus")
    return lambda folder: Corpus.load(folder / "corpus")


@_reader
def _extracted_features(folder):
    from tb_keras.corpus.corpus import Corpus
    from tb_keras.features import with_extracted_features
    from tb_keras.features.feature_directory import FeatureDirectory

    with FeatureDirectory(folder / "features", {"dtype": "float16"}, {}) as store:
        files = {f"{n}.png": (5, 6) for n in range(3)}
        store.add(files, np.eye(3, dtype="float16"), {"bad.png": "no picture"})
        store.finish({"bad.png": "no picture"})
    corpus = Corpus(np.arange(2), image_paths=["2.png", "0.png"], texts=["a", "b"])

    def read(folder):
        found = with_extracted_features(corpus, folder / "features")
        return found, np.array(found.image_features)

    return read


def _decoded(folder):
    """Decodes a picture as training does, in the one trace of this process."""
    import tensorflow as tf

    from tb_keras.features.decoded_pictures import picture_error
    from tb_keras.storage.pictures.transcoded_picture import decodable_picture

    global _DECODE
    if _DECODE is None:
        from tb_keras.encoders.image.image_decoding import decode_image

        _DECODE = tf.function(
            lambda content: decode_image(content, (6, 5)),
            input_signature=[tf.TensorSpec((), tf.string)],
        )
    content = decodable_picture((folder / "picture").read_bytes())
    try:
        pixels = _DECODE(tf.constant(content)).numpy()
    except tf.errors.OpError as error:
        raise ValueError(picture_error(error)) from error
    assert pixels.shape == (6, 5, 3)
    assert ((pixels >= 0) & (pixels <= 255)).all()
    return pixels


_DECODE = None
_PICTURES = {
    "png": ("PNG", {}),
    "png_with_orientation": ("PNG", {"exif": True}),
    "png_with_key": ("PNG", {"transparency": (0, 0, 0)}),
    "png_with_palette": ("PNG", {"mode": "P", "transparency": 1}),
    "png_with_alpha": ("PNG", {"mode": "RGBA"}),
    "jpeg": ("JPEG", {}),
    "jpeg_with_orientation": ("JPEG", {"exif": True, "icc_profile": bytes(3000)}),
    "progressive_jpeg": ("JPEG", {"progressive": True, "exif": True}),
    "cmyk_jpeg": ("JPEG", {"mode": "CMYK"}),
    "gif": ("GIF", {}),
    "animated_gif": ("GIF", {"frames": True}),
    "bmp": ("BMP", {}),
    "bmp_with_palette": ("BMP", {"mode": "P"}),
    "bmp_with_alpha": ("BMP", {"mode": "RGBA"}),
    "webp": ("WEBP", {}),
    "animated_webp": ("WEBP", {"frames": True}),
    "tiff": ("TIFF", {"exif": True}),
    "compressed_tiff": ("TIFF", {"compression": "tiff_lzw"}),
    "avif": ("AVIF", {}),
    "jpeg2000": ("JPEG2000", {}),
    "ppm": ("PPM", {}),
    "ico": ("ICO", {}),
}


def _settled(settings):
    from PIL import Image

    settings = dict(settings)
    if settings.pop("exif", False):
        settings["exif"] = _exif()
    if settings.pop("frames", False):
        frames = [Image.new("RGB", (20, 12), color) for color in ("red", "blue")]
        settings |= {"save_all": True, "append_images": frames}
    return settings


for _name, (_kind, _settings) in _PICTURES.items():

    def _write(folder, kind=_kind, settings=_settings):
        (folder / "picture").write_bytes(_picture(kind, **_settled(settings)))
        return _decoded

    READERS[_name] = _write
