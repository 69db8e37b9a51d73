"""Dataset shapes: what trainers read, and what only looks like it."""

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard

from content_kit import SAMPLES, samples
from subrosa.content.shapes import PREFIX, find_shapes

TRAINING = SAMPLES / "training"


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("openai_chat.jsonl", "chat-jsonl"),
        ("bedrock_conversation.jsonl", "chat-jsonl"),
        ("openai_dpo.jsonl", "preference-jsonl"),
        ("trl_preference.jsonl", "preference-jsonl"),
        ("bedrock_prompt_completion.jsonl", "prompt-completion-jsonl"),
        ("alpaca.json", "alpaca"),
        ("sharegpt.jsonl", "sharegpt"),
        ("vertex_contents.jsonl", "vertex-jsonl"),
        ("nemo_manifest.json", "asr-manifest"),
        ("lhotse_cuts.jsonl", "lhotse-cuts"),
        ("sagemaker_augmented.manifest", "groundtruth-manifest"),
        ("label_studio.json", "label-studio"),
        ("coco.json", "coco"),
        ("commonvoice_train.tsv", "common-voice"),
        ("kaldi/text", "kaldi"),
        ("kaldi/segments", "kaldi"),
        ("kaldi/utt2spk", "kaldi"),
        ("kaldi/spk2utt", "kaldi"),
        ("kaldi/wav.scp", "kaldi"),
        ("ljspeech_metadata.csv", "ljspeech"),
        ("hf_dataset/train-00000-of-00001.parquet", "parquet"),
        ("hf_dataset/README.md", "hf-dataset-card"),
        ("hf_dataset/metadata.jsonl", "hf-metadata"),
        ("train.arrow", "arrow"),
        ("train_stream.arrow", "arrow"),
        ("train-00000-of-00001.tfrecord", "tfrecord"),
        ("shard-000000.tar", "webdataset"),
    ],
)
def test_what_trainers_read(path: str, shape: str) -> None:
    data = (TRAINING / path).read_bytes()
    name = path.rpartition("/")[2]
    assert find_shapes(data, name) == [shape]
    assert find_shapes(data, f"s3/some/{name}") == [shape]
    assert find_shapes(gzip.compress(data), f"{name}.gz") == [shape]
    assert find_shapes(zstandard.ZstdCompressor().compress(data), f"{name}.zst") == [shape]


OTHERS = [path for path in samples() if "training" not in path.parts]


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_other_sample_is_a_data_set_by_its_content(path: Path) -> None:
    assert find_shapes(path.read_bytes(), None) == []


CHAT = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}


def lines(*rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        pytest.param(lines(CHAT, CHAT), None, ["chat-jsonl"], id="two conversations are a data set"),
        pytest.param(lines(CHAT), None, [], id="one conversation is a request"),
        pytest.param(
            lines(CHAT), "a.jsonl", ["chat-jsonl"], id="one conversation in a file of lines is a data set"
        ),
        pytest.param(lines(CHAT), "a.json", [], id="one conversation in a JSON file is a request"),
        pytest.param(lines(CHAT, CHAT).replace(b"\n", b"\r\n"), None, ["chat-jsonl"], id="CRLF"),
        pytest.param(b"\xef\xbb\xbf" + lines(CHAT, CHAT), None, ["chat-jsonl"], id="a byte order mark"),
        pytest.param(lines(CHAT, {"log": 1}), None, [], id="rows that are not alike"),
        pytest.param(lines({**CHAT, "model": "m"}, {**CHAT, "model": "m"}), None, [], id="a log of requests"),
        pytest.param(
            lines(*[{"messages": CHAT["messages"][:1]}] * 2), None, [], id="conversations without an answer"
        ),
        pytest.param(
            lines(*[{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": CHAT}] * 2),
            "batch.jsonl",
            [],
            id="a batch of requests is inference",
        ),
        pytest.param(
            lines(*[{"recordId": "1", "modelInput": CHAT}] * 2),
            "batch.jsonl",
            [],
            id="a batch for Bedrock is inference",
        ),
        pytest.param(
            lines(*[{"request": {"contents": [{"role": "user", "parts": []}]}}] * 2),
            "batch.jsonl",
            [],
            id="a batch for Vertex is inference",
        ),
        pytest.param(
            lines({"prompt": "a", "chosen": "b", "rejected": "c"}),
            None,
            ["preference-jsonl"],
            id="a preference",
        ),
        pytest.param(lines({"prompt": "a", "model": "m"}), "a.jsonl", [], id="a prompt is a request"),
        pytest.param(b"[" + lines(CHAT).strip() + b"]", None, ["chat-jsonl"], id="an array of conversations"),
        pytest.param(b'[1, {"instruction": "a"}]', None, [], id="an array of other things"),
        pytest.param(json.dumps(CHAT, indent=2).encode(), None, [], id="a request that was printed nicely"),
        pytest.param(b"[" * 5000, "a.json", [], id="depth"),
        pytest.param(b'{"a":' * 5000, "a.jsonl", [], id="depth in lines"),
        pytest.param(b"{'a': 1}\n" * 2, "a.jsonl", [], id="lines that are no JSON"),
        pytest.param(b"Name,Duration (Minutes),Price\nOven,30,120\n", "sales.csv", [], id="a table of sales"),
        pytest.param(b"ID|name|city\n1|Ada|Rome\n", "metadata.csv", [], id="a table with pipes"),
        pytest.param(b"a text\n", "text", [], id="a file that is called text"),
        pytest.param(b"a b 0.1 2.5\n", "segments.txt", [], id="a file that is called otherwise"),
        pytest.param(
            b"---\nlicense: mit\npipeline_tag: text-generation\n---\n", "README.md", [], id="a model's card"
        ),
        pytest.param(
            b"---\ntitle: x\n---\ntask_categories: no\n", "README.md", [], id="words below the front matter"
        ),
        pytest.param(
            b"---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: a\n---\n",
            "README.md",
            ["hf-dataset-card"],
            id="a card that names a split",
        ),
        pytest.param(bytes(64), None, [], id="zeros"),
        pytest.param(b"\xff" * 64, None, [], id="ones"),
        pytest.param(b"", "a.jsonl", [], id="nothing"),
    ],
)
def test_rows_and_tables(data: bytes, name: str | None, expected: list[str]) -> None:
    assert find_shapes(data, name) == expected


@pytest.mark.parametrize(
    "row",
    [
        pytest.param({"messages": [{"role": []}]}, id="a role that is a list"),
        pytest.param(
            {"messages": [{"role": {"a": 1}}, {"role": None}]}, id="a role that is an object or nothing"
        ),
        pytest.param({"type": ["MonoCut"]}, id="a type that is a list"),
        pytest.param({"messages": "assistant", "conversations": 1, "contents": {}}, id="no lists at all"),
    ],
)
def test_rows_of_other_types_than_trainers_write_are_no_data_set(row: dict[str, object]) -> None:
    assert find_shapes(lines(row, row), "a.jsonl") == []


def test_a_row_that_is_longer_than_the_prefix_is_known_by_its_beginning() -> None:
    row = {
        "messages": [{"role": "user", "content": "word " * 20_000}, {"role": "assistant", "content": "ho"}]
    }
    data = lines(row)[:PREFIX]
    assert find_shapes(data, "a.jsonl") == ["chat-jsonl"]
    assert find_shapes(data, None) == []


def test_a_second_row_need_not_be_whole() -> None:
    assert find_shapes(lines(CHAT) + lines({"messages": "x" * PREFIX})[:PREFIX], None) == ["chat-jsonl"]


def test_the_checksum_tells_a_tfrecord_from_numbers() -> None:
    record = (TRAINING / "train-00000-of-00001.tfrecord").read_bytes()
    assert find_shapes(record[:12], None) == ["tfrecord"]
    assert find_shapes(record[:11], None) == []
    assert find_shapes(record[:8] + b"\0\0\0\0" + record[12:], None) == []


def tar(*names: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"data"))
    return out.getvalue()


@pytest.mark.parametrize(
    ("names", "name", "expected"),
    [
        pytest.param(["000000.wav", "000000.json"], "x.tar", ["webdataset"], id="members that share a stem"),
        pytest.param(["a/0001.jpg", "a/0001.txt"], None, ["webdataset"], id="in a folder"),
        pytest.param(
            ["000000.flac"], "train-000017.tar", ["webdataset"], id="a shard with one numbered member"
        ),
        pytest.param(["src/main.py", "src/main.txt"], "x.tar", [], id="source code"),
        pytest.param(["photo.jpg", "notes.txt"], "x.tar", [], id="photographs and notes"),
        pytest.param(["000000.flac"], "album.tar", [], id="music"),
    ],
)
def test_archives(names: list[str], name: str | None, expected: list[str]) -> None:
    assert find_shapes(tar(*names), name) == expected


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_the_first_file_of_a_zip_is_looked_at(method: int) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("data/train.jsonl", lines(CHAT))
        archive.writestr("README", "x")
    assert find_shapes(out.getvalue(), "data.zip") == ["chat-jsonl"]
    assert find_shapes(gzip.compress(out.getvalue()), "data.zip.gz") == ["chat-jsonl"]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x1f\x8b" + b"x" * 40, id="gzip"),
        pytest.param(b"\x28\xb5\x2f\xfd" + b"x" * 40, id="zstd"),
        pytest.param(b"PK\x03\x04" + b"\xff" * 40, id="zip"),
        pytest.param(b"PK\x03\x04" + b"\x08" * 90, id="a zip with lengths beyond its end"),
        pytest.param(tar("a")[:400], id="a tar cut short"),
        pytest.param(tar("a").replace(b"00000000004", b"999zzzzzzzz"), id="a tar with no size"),
    ],
)
def test_what_cannot_be_unwrapped_has_no_shape(data: bytes) -> None:
    assert find_shapes(data, None) == []


def test_a_bomb_is_looked_at_no_further_than_the_prefix() -> None:
    bomb = gzip.compress(gzip.compress(bytes(50_000_000)))
    assert find_shapes(bomb[:PREFIX], "a.gz.gz") == []


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["README.md", "text", "metadata.csv", "wav.scp", "segments", "x.jsonl"])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("---\n" + "configs:\n" * 7000, id="a card of nothing but configs"),
        pytest.param("---\nconfigs:\n" + "\n" * 65_000, id="a card that ends in blank lines"),
        pytest.param("1" * 65_536, id="one word of digits"),
        pytest.param("a" + "1" * 65_535, id="a letter and digits"),
        pytest.param("1" * 65_000 + " x\n", id="digits and a word"),
    ],
)
def test_no_text_takes_long_to_look_at(text: str, name: str) -> None:
    find_shapes(text.encode(), name)
