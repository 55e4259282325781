"""Text encoders that read their vocabulary from a file, which an export keeps as an asset."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import tensorflow as tf

from tb_keras.encoders.presets.graph_tokens import Untracked, needs_no_tables
from tb_keras.encoders.text.fitted_text_encoder import BAGS
from tb_keras.encoders.text.tokenization import TokenizeTexts
from tb_keras.encoders.text.words import FIRST_WORD, OUT_OF_VOCABULARY, PADDING


def with_vocabulary_assets(text_encoder: keras.Model, directory: str | os.PathLike) -> keras.Model:
    """Returns a text encoder that gives the same answers and reads its vocabulary from a file.

    `tf.saved_model.save` copies the file, `vocabulary.txt` with one word or piece on each line, to
    the `assets/` of the SavedModel. Otherwise the vocabulary would be a constant in the graph. Keep
    the directory until the model is saved; the SavedModel does not name it.

    Files are written for the tokenizers of keras-hub that cut words into pieces (BERT, DistilBERT,
    ELECTRA, ESM, RoFormer: `"minilm"` and most of `"keras_hub/PRESET"`) and for the words of
    `fit_text_encoder`, also in models within the model. CLIP's byte pairs and SentencePiece models
    become constants of the graph. Everything else stays as it is: other layers (keras-hub's other
    byte-pair tokenizers), models that are not functional, and vocabularies that do not fit into
    lines, because an entry is empty, has a line break or comes twice.

    Args:
        text_encoder: string `(batch,)` → features; `tb_keras.encoders.text_encoder` builds one. It
            is not changed. The new encoder shares all its other layers, and so its weights.
        directory: where the files are written; made if it is missing.

    Returns:
        The encoder to export, which Keras cannot save; `text_encoder` itself if no vocabulary
        changes its place.

    Examples:
        >>> import tempfile
        >>> from tb_keras.encoders import fit_text_encoder
        >>> encoder, _ = fit_text_encoder("tfidf", ["a dog", "a cat", "a dog"], verbose=False)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     exported = with_vocabulary_assets(encoder, directory)
        ...     Path(directory, "vocabulary.txt").read_text().split()
        ['a', 'dog']
        >>> exported(tf.constant(["The DOG!"])).numpy().tolist()
        [[0.0, 1.0]]
    """
    # Only functional models know their operations, and can be cloned around new layers.
    layers = getattr(text_encoder, "operations", ())
    of_files = {id(layer): _of_file(layer, Path(directory)) for layer in layers}
    if all(of_files[id(layer)] is layer for layer in layers):
        return text_encoder
    return keras.models.clone_model(text_encoder, clone_function=lambda layer: of_files[id(layer)])


def _of_file(layer: keras.Layer, directory: Path) -> keras.Layer:
    if isinstance(layer, keras.Model):
        return with_vocabulary_assets(layer, directory)
    if isinstance(layer, TokenizeTexts) and needs_no_tables(layer.tokenizer):
        return layer.with_tokenizer(Untracked(layer.tokenizer))
    if isinstance(layer, TokenizeTexts) and _cuts_words(layer.tokenizer):
        vocabulary = layer.tokenizer.get_vocabulary()
        if _are_lines(vocabulary):
            return layer.with_tokenizer(_WordPieces(layer.tokenizer, directory))
    elif isinstance(layer, keras.layers.TextVectorization) and _indexes_words(layer):
        vocabulary = layer.get_vocabulary(include_special_tokens=False)
        if _are_lines(vocabulary):
            config = layer.get_config()
            max_words, split = config["output_sequence_length"], config["split"]
            return _WordIndices(vocabulary, max_words, split, directory, name=layer.name)
    return layer


def _cuts_words(tokenizer: keras.Layer) -> bool:
    import keras_hub

    # A class that somebody derived from it may do anything.
    of_keras_hub = type(tokenizer).__module__.split(".")[0] == keras_hub.__name__
    return of_keras_hub and isinstance(tokenizer, keras_hub.tokenizers.WordPieceTokenizer)


def _indexes_words(layer: keras.layers.TextVectorization) -> bool:
    """Returns whether the layer is one of `tb_keras.encoders.text.words.word_indices`."""
    config = layer.get_config()
    others = [config[name] for name in ("standardize", "ngrams", "output_mode", "ragged")]
    return config["split"] in BAGS.values() and others == [None, None, "int", False]


def _are_lines(entries: Sequence[str]) -> bool:
    lines = all(entry and not {"\n", "\r"} & set(entry) for entry in entries)
    return lines and len(set(entries)) == len(entries)


class _WordPieces(tf.Module):
    """A word-piece tokenizer of keras-hub that looks its pieces up in a table.

    keras-hub's own bakes them into the graph. Words are split as keras-hub splits them; both leave
    a word of more than 100 bytes unknown.
    """

    def __init__(self, tokenizer: keras.Layer, directory: Path):
        import tensorflow_text
        from keras_hub.src.tokenizers.word_piece_tokenizer import (
            get_special_tokens_pattern,
            pretokenize,
        )

        super().__init__()
        self.start_token_id = tokenizer.start_token_id
        self.end_token_id = tokenizer.end_token_id
        self.pad_token_id = tokenizer.pad_token_id
        special = None
        if tokenizer.split and tokenizer.special_tokens_in_strings:
            added = tokenizer.get_config()["special_tokens"] or []
            special = get_special_tokens_pattern([*tokenizer.special_tokens, *added])
        self._words = functools.partial(
            pretokenize,
            lowercase=tokenizer.lowercase,
            strip_accents=tokenizer.strip_accents,
            split=tokenizer.split,
            split_on_cjk=tokenizer.split_on_cjk,
            special_tokens_pattern=special,
        )
        vocabulary = tokenizer.get_vocabulary()
        self._pieces = tensorflow_text.WordpieceTokenizer(
            _table(vocabulary, directory, default=-1),
            suffix_indicator=tokenizer.suffix_indicator,
            # Pieces are tried from the longest on; none is longer than this.
            max_chars_per_token=max(map(len, vocabulary)),
            token_out_type=tf.int32,
            unknown_token=tokenizer.oov_token,
        )

    def __call__(self, texts):
        return self._pieces.tokenize(self._words(texts)).merge_dims(-2, -1)


class _WordIndices(keras.layers.Layer):
    """The layer of `tb_keras.encoders.text.words.word_indices`, with its vocabulary in a file."""

    def __init__(
        self,
        vocabulary: Sequence[str],
        max_words: int | None,
        split: Callable,
        directory: Path,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.max_words = max_words
        self.split = split
        self.table = _table(vocabulary, directory, OUT_OF_VOCABULARY, FIRST_WORD)
        self.built = True

    def call(self, texts):
        indices = self.table.lookup(self.split(texts))
        return indices.to_tensor(PADDING, shape=(None, self.max_words))

    def compute_output_spec(self, texts):
        return keras.KerasTensor((texts.shape[0], self.max_words), "int64")


def _table(
    entries: Sequence[str], directory: Path, default: int, first: int = 0
) -> tf.lookup.StaticHashTable:
    """Writes a new file; returns the table from its lines to their numbers, from `first` on."""
    content = "".join(f"{entry}\n" for entry in entries).encode()
    directory.mkdir(parents=True, exist_ok=True)
    others = len(list(directory.glob("vocabulary*.txt")))
    file = directory / (f"vocabulary_{others + 1}.txt" if others else "vocabulary.txt")
    file.write_bytes(content)
    lines = tf.lookup.TextFileInitializer(
        str(file),
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
        value_index_offset=first,
    )
    table = tf.lookup.StaticHashTable(lines, default)
    # TensorFlow names it by the path, which the SavedModel would hold then. A process that loads
    # several models has one table for all tables of one name.
    table._shared_name = f"vocabulary_{hashlib.sha256(content).hexdigest()}_{first}"
    return table
