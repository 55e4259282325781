"""Word vectors by the pictures that words are said of, in several languages at once."""

from __future__ import annotations

import tensorflow as tf
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from tb_keras.corpus import Corpus
from tb_keras.encoders import WordVectors
from tb_keras.encoders.text.words import split_words

_TEXTS = 4096  # split at a time


def picture_word_vectors(corpus: Corpus, dim: int) -> WordVectors:
    """Returns vectors of the words that are said of two pictures or more.

    They are the singular vectors of the tf-idf matrix of pictures and words, times the singular
    values. A word and its translations are said of the same pictures, so they come to lie near.

    Args:
        corpus: with `texts`.
        dim: size of the vectors.

    Reference:
        Deerwester, Dumais, Furnas, Landauer and Harshman, *Indexing by Latent Semantic Analysis*,
        JASIS 41(6), 1990; Littman, Dumais and Landauer, *Automatic Cross-Language Information
        Retrieval Using Latent Semantic Indexing*, 1998, for several languages.
    """
    of_texts: list[list[str]] = []
    for start in range(0, corpus.num_texts, _TEXTS):
        some = split_words(tf.constant(corpus.texts[start : start + _TEXTS])).to_list()
        of_texts += [[word.decode() for word in words] for words in some]
    of_pictures = [
        [word for text in corpus.matches.texts_of(image) for word in of_texts[text]]
        for image in range(corpus.num_images)
    ]
    counted = TfidfVectorizer(analyzer=list, min_df=2, sublinear_tf=True)
    matrix = counted.fit_transform(of_pictures)
    found = TruncatedSVD(min(dim, *matrix.shape), random_state=0).fit(matrix)
    vectors = (found.components_ * found.singular_values_[:, None]).T
    return WordVectors(list(counted.get_feature_names_out()), vectors)
