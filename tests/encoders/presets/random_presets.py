"""Presets of keras-hub in directories: one of each family with two towers, small and random."""

import collections
import io
import itertools

import keras
import numpy as np
import tensorflow as tf

FAMILIES = ("clip", "siglip", "siglip_2", "metaclip_2")
SIZE, DIM = 32, 8
_TEXTS = [
    "a photo of a dog and a cat",
    "the dogs run in the snow",
    "two people stand by the sea in 2023, 12 boats",
    "ein Café in Malmö, die Straße",
    "aaaaaa bananas, the cat's 100% wool!",
    "犬が走る 🐕🐕",
]


def write_preset(family, directory):
    """Writes a preset; returns the backbone and its preprocessor.

    The presets of SigLIP leave the preprocessor at its defaults, as the published ones do, and
    SigLIP 2 has the tokenizer of Gemma.
    """
    import keras_hub

    keras.utils.set_random_seed(3)
    layers, models = keras_hub.layers, keras_hub.models
    tower = {"hidden_dim": 16, "num_layers": 2, "num_heads": 2, "intermediate_dim": 24}
    image = {**tower, "patch_size": 16, "image_shape": (SIZE, SIZE, 3)}
    size = {"image_size": (SIZE, SIZE)}
    mean = {"scale": [1 / 60, 1 / 62, 1 / 65], "offset": [-1.8, -1.7, -1.5]}
    if family == "clip":
        tokenizer = models.CLIPTokenizer(*byte_pairs(), pad_with_end_token=True)
        converter = layers.CLIPImageConverter(
            **size, **mean, interpolation="bicubic", antialias=True
        )
        preprocessor = models.CLIPPreprocessor(tokenizer, converter, sequence_length=20)
        kinds = models.CLIPBackbone, models.CLIPVisionEncoder, models.CLIPTextEncoder
    elif family.startswith("siglip"):
        if family == "siglip":
            proto = sentence_pieces("unigram", unk_id=0)
            tokenizer = models.SigLIPTokenizer(proto, add_eos=True)
        else:
            named = {"pad_piece": "<pad>", "bos_piece": "<bos>", "eos_piece": "<eos>"}
            ids = {"pad_id": 0, "bos_id": 2, "eos_id": 1, "unk_id": 3}
            tokenizer = models.GemmaTokenizer(sentence_pieces("bpe", **named, **ids))
        converter = layers.SigLIPImageConverter(
            **size,
            **{"scale": 1 / 127.5, "offset": -1.0, "crop_to_aspect_ratio": False},
            **{"interpolation": "bicubic", "antialias": True},
        )
        preprocessor = models.SigLIPPreprocessor(tokenizer, converter)
        kinds = models.SigLIPBackbone, models.SigLIPVisionEncoder, models.SigLIPTextEncoder
    else:
        tokenizer = models.MetaCLIP2Tokenizer(sentence_pieces("bpe", unk_id=0))
        converter = layers.MetaCLIP2ImageConverter(**size, **mean, interpolation="bicubic")
        preprocessor = models.MetaCLIP2CausalLMPreprocessor(
            tokenizer, converter, sequence_length=20
        )
        kinds = models.MetaCLIP2Backbone, models.MetaCLIP2VisionEncoder, models.MetaCLIP2TextEncoder
    backbone, vision, text = kinds
    text_tower = text(
        vocabulary_size=tokenizer.vocabulary_size(),
        embedding_dim=16,
        max_sequence_length=preprocessor.sequence_length,
        **tower,
    )
    if family.startswith("siglip"):
        made = backbone(vision(**image), text_tower)
    else:
        made = backbone(vision(**image), text_tower, projection_dim=DIM)
    rng = np.random.default_rng(5)
    for weight in made.weights:  # ones and zeros would hide what is exchanged
        weight.assign(weight + rng.normal(0, 0.1, weight.shape))
    made.save_to_preset(str(directory))
    parts = [tokenizer, converter] if family.startswith("siglip") else [preprocessor]
    for part in parts:
        part.save_to_preset(str(directory))
    return made, preprocessor


def byte_pairs(merges=60):
    """A vocabulary of all bytes and of pairs that are often in the texts, and the merges."""
    from keras_hub.src.tokenizers.byte_pair_tokenizer import bytes_to_unicode

    letters = sorted(bytes_to_unicode()[1])
    tokens = letters + [f"{letter}</w>" for letter in letters]
    letter_of = {byte[0]: letter for byte, letter in zip(*bytes_to_unicode())}
    words = []
    for word in " ".join(_TEXTS).lower().split():
        letters = [letter_of[byte] for byte in word.encode()]
        words.append([*letters[:-1], f"{letters[-1]}</w>"])
    learned = []
    for _ in range(merges):
        pairs = collections.Counter(pair for word in words for pair in itertools.pairwise(word))
        pair = max(sorted(pairs), key=pairs.get)
        learned.append(" ".join(pair))
        tokens.append("".join(pair))
        words = [_merged(word, pair) for word in words]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return {token: number for number, token in enumerate(tokens)}, learned


def _merged(word, pair):
    found = []
    for symbol in word:
        if found and (found[-1], symbol) == pair:
            found[-1] += symbol
        else:
            found.append(symbol)
    return found


def sentence_pieces(model_type, vocabulary=55, **ids):
    """A trained SentencePiece model, as bytes."""
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([text.lower() for text in _TEXTS] * 3),
        model_writer=model,
        vocab_size=vocabulary,
        model_type=model_type,
        **{"pad_id": -1, "bos_id": 1, "eos_id": 2, **ids},
        character_coverage=0.99,
        minloglevel=2,
    )
    return model.getvalue()


def wide_and_high():
    """Pictures that are not square, with edges that bicubic interpolation overshoots."""
    rng = np.random.default_rng(0)
    sizes = [(40, 90), (90, 40), (33, 64), (20, 21), (200, 64)]
    return [rng.choice([0, 255], (*size, 3)).astype("uint8") for size in sizes]


def encoded(pictures):
    """The content of a PNG file of each picture."""
    return tf.constant([tf.io.encode_png(pixels).numpy() for pixels in pictures])


def own_tokens(preprocessor, texts):
    """The token ids of keras-hub's own preprocessor."""
    images = np.zeros((len(texts), SIZE, SIZE, 3))
    return np.array(preprocessor({"prompts": texts, "images": images})["token_ids"])
