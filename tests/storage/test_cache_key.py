"""Tests of the keys of cached features: other content, another key."""

import os

from tb_keras.storage.cache_key import encoder_settings, file_digest


def test_a_digest_follows_the_content(tmp_path):
    file = tmp_path / "a"
    digests = set()
    for content in (b"one", b"two"):  # of one size, and perhaps of one time
        file.write_bytes(content)
        digests.add(file_digest(file))
    os.utime(file, (1, 1))
    digests |= {file_digest(file), file_digest(str(file))}
    assert len(digests) == 2
    file.write_bytes(b"six")
    os.utime(file, (2, 2))
    digests.add(file_digest(file))
    assert len(digests) == 3


def test_a_preset_in_a_directory_is_told_by_its_content(tmp_path, monkeypatch):
    for folder, content in (("a", "one"), ("b", "two"), ("c", "one")):
        (tmp_path / folder / "preset" / "assets").mkdir(parents=True)
        (tmp_path / folder / "preset" / "assets" / "vocabulary.txt").write_text(content)
    described = []
    for folder in "abc":
        monkeypatch.chdir(tmp_path / folder)
        described.append(encoder_settings("text", "keras_hub/preset"))
    assert described[0] == described[2] != described[1]
    assert encoder_settings("text", "preset")["encoder"] == "preset"
    assert encoder_settings("text", "keras_hub/other")["encoder"] == "keras_hub/other"
