"""Multi30K: Flickr30K's pictures with captions in English, German, French and Czech."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tb_keras.corpus.corpus import Corpus
from tb_keras.datasets.captioned_pictures import Caption, CaptionedPictures, check_split
from tb_keras.datasets.formats.caption_lines import read_picture_list
from tb_keras.datasets.formats.text_files import read_text

# For each task and split: the list of the pictures, the beginning of the names of the files of
# captions, and the folder of the pictures.
_FLICKR = "flickr30k-images"
_PARTS = {
    1: {
        "train": ("train", "train", _FLICKR),
        "validation": ("val", "val", _FLICKR),
        "2016": ("test_2016_flickr", "test_2016_flickr", _FLICKR),
        "2017": ("test_2017_flickr", "test_2017_flickr", "test_2017_flickr"),
        "2018": ("test_2018_flickr", "test_2018_flickr", "test_2018_flickr"),
        "mscoco": ("test_2017_mscoco", "test_2017_mscoco", "test_2017_mscoco"),
    },
    2: {
        "train": ("train_images", "train", _FLICKR),
        "validation": ("val_images", "val", _FLICKR),
        "2016": ("test_2016_images", "test_2016", _FLICKR),
    },
}
# The numbers before the language in the names of the files of captions.
_NUMBERS = {1: [""], 2: [".1", ".2", ".3", ".4", ".5"]}
_LANGUAGES = ("en", "de", "fr", "cs")


def load_multi30k(
    directory: str | os.PathLike,
    split: str = "test",
    task: int = 1,
    languages: str | Sequence[str] = ("en",),
    test: str = "2016",
    pictures: str | os.PathLike | None = None,
    missing: str = "error",
) -> Corpus:
    """Reads Multi30K.

    Args:
        directory: the folder of `task1` and `task2`, which is `data` in the repository. Each has
            the folder `image_splits`, lists with a picture on each line, and the folder `raw`, with
            a caption on each line in the order of the list, as `.gz` or unpacked.
        split: "train" (29,000 pictures), "validation" (1,014), "test" or "all".
        task: 1 for an English caption of each image with its translations into German, French and
            Czech; 2 for five captions of each image in English and five in German, which are no
            translations of each other.
        languages: some of "en", "de", "fr" and "cs", or "all" for those that the split has. Task 1
            has no Czech for the test pictures of 2017.
        test: the test pictures, "2016" (1,000), and for task 1 also "2017" (1,000), "2018" (1,071)
            and "mscoco" (461 pictures of MSCOCO).
        pictures: the folder of the pictures, relative to `directory` or absolute. The default is
            "flickr30k-images", and for test pictures that are not from Flickr30K
            "test_2017_flickr", "test_2018_flickr" or "test_2017_mscoco". A picture of Flickr30K is
            also found by the name that it has in Flickr8k, "ID_LETTERS.jpg".
        missing: what to do about pictures that are not in the folder: "error", or "drop" to leave
            them out with their captions. A warning counts them. Of the 31,014 pictures of
            "train", "validation" and "2016", Flickr8k has 7,478.

    Returns:
        A `Corpus` of `texts` and, if a folder of the pictures exists, `image_paths`. The texts of
        an image are sorted by number, then by language. The image attribute is "file", such as
        "1000092795.jpg", or the name under which the picture was found. The text attributes
        are "language" and "sentence", the number of the caption in its picture and language,
        from 0.

    Raises:
        FileNotFoundError: if a list is not there, `pictures` is given and is not a folder, or the
            folder lacks some of the pictures and `missing` is "error", or all of them.
        ValueError: if an argument is wrong, a split lacks a language, a file is damaged, a line is
            empty, a file has more or fewer lines than pictures, or a picture comes twice. The
            message names the file and the line.

    Reference:
        Elliott, Frank, Sima'an and Specia, "Multi30K: Multilingual English-German Image
        Descriptions", 2016; https://github.com/multi30k/dataset.

    Examples:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for file, text in {
        ...     "image_splits/test_2016_flickr.txt": "100.jpg",
        ...     "raw/test_2016_flickr.en": "A dog.",
        ...     "raw/test_2016_flickr.de": "Ein Hund.",
        ... }.items():
        ...     (folder / "task1" / file).parent.mkdir(parents=True, exist_ok=True)
        ...     _ = (folder / "task1" / file).write_text(text)
        >>> corpus = load_multi30k(folder, languages="all")
        >>> corpus.texts, corpus.text_attributes["language"]
        (['A dog.', 'Ein Hund.'], ['en', 'de'])
    """
    check_split(split)
    if task not in _PARTS:
        raise ValueError(f"`task` must be 1 or 2. Received: {task!r:.80}")
    parts = _PARTS[task]
    tests = [name for name in parts if name not in ("train", "validation")]
    if test not in tests:
        raise ValueError(
            f"`test` must be one of {', '.join(tests)} for task={task}. Received: {test!r:.80}"
        )
    languages = _checked_languages(languages)
    chosen = {"test": [test], "all": ["train", "validation", test]}.get(split, [split])
    gathered = CaptionedPictures()
    for name in chosen:
        list_name, stem, folder = parts[name]
        folder = Path(directory) / (folder if pictures is None else pictures)
        path = Path(directory) / f"task{task}" / "image_splits" / f"{list_name}.txt"
        listed = read_picture_list(path)
        found = _pictures_by_id(folder)
        columns = _read_columns(path.parents[1] / "raw" / stem, _NUMBERS[task], languages)
        for file, _, lines in columns:
            if len(lines) != len(listed):
                raise ValueError(
                    f"{file}: expected {len(listed)} lines, one for each picture of {path}. "
                    f"Received: {len(lines)}"
                )
        for row, (picture, where) in enumerate(listed):
            captions = [
                Caption(lines[row], f"{file}, line {row + 1}", attributes)
                for file, attributes, lines in columns
            ]
            # Names from MSCOCO end with the id of the English caption: "NAME.jpg#367178".
            picture = picture.split("#")[0]
            gathered.add(folder / found.get(picture, picture), captions, where)
    return gathered.corpus(pictures is not None, missing)


def _pictures_by_id(folder: Path) -> dict[str, str]:
    """Returns the pictures "ID_LETTERS.jpg" in a folder by "ID.jpg", where there is no such."""
    names = sorted(os.listdir(folder)) if folder.is_dir() else []
    by_id = {f"{name.partition('_')[0]}.jpg": name for name in names if name.endswith(".jpg")}
    names = set(names)
    return {short: name for short, name in by_id.items() if short not in names}


def _checked_languages(languages: str | Sequence[str]) -> tuple[str, ...] | None:
    """Returns the languages without repeats, None for all."""
    if languages == "all":
        return None
    languages = (languages,) if isinstance(languages, str) else tuple(dict.fromkeys(languages))
    unknown = [language for language in languages if language not in _LANGUAGES]
    if unknown or not languages:
        raise ValueError(
            f"`languages` must be 'all' or some of {', '.join(_LANGUAGES)}. "
            f"Received: {unknown[0] if unknown else languages!r:.80}"
        )
    return languages


def _read_columns(
    start: Path, numbers: Sequence[str], languages: tuple[str, ...] | None
) -> list[tuple[Path, dict, list[str]]]:
    """Returns the file, the text attributes and the lines of each file of captions."""
    files = {
        (sentence, language): path
        for sentence, number in enumerate(numbers)
        for language in _LANGUAGES
        for suffix in (".gz", "")
        if (path := Path(f"{start}{number}.{language}{suffix}")).is_file()
    }
    there = [
        language
        for language in _LANGUAGES
        if all((sentence, language) in files for sentence in range(len(numbers)))
    ]
    languages = there if languages is None else languages
    missing = [language for language in languages if language not in there]
    if missing or not languages:
        raise ValueError(
            f"`languages` must be among those whose files {start}.* are all there: "
            f"{', '.join(there) or 'none'}. Received: {missing[0] if missing else 'all'!r:.80}"
        )
    return [
        (
            files[sentence, language],
            {"language": language, "sentence": sentence},
            read_text(files[sentence, language]).removesuffix("\n").split("\n"),
        )
        for sentence in range(len(numbers))
        for language in languages
    ]
