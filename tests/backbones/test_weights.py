"""Weights come from a seed, a file or torchvision's cache, or a sentence says why not."""

import hashlib
import socket
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from perennial.backbones import weights
from perennial.errors import BackboneError, WeightsMissing

TENSORS = {"layer.weight": torch.arange(6.0).reshape(2, 3)}


def hashed(path: Path) -> Path:
    """Rename a file so that its name carries its hash, as torchvision's do."""
    return path.rename(path.with_name(f"net-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth"))


def test_a_pth_and_a_safetensors_file_give_the_same_tensors(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "net.safetensors")
    torch.save(TENSORS, tmp_path / "net.pth")

    one, other = (weights.read("resnet18", str(path)) for path in (tmp_path / "net.safetensors", hashed(tmp_path / "net.pth")))

    assert torch.equal(one.tensors["layer.weight"], other.tensors["layer.weight"])
    assert one.sha256 == hashlib.sha256((tmp_path / "net.safetensors").read_bytes()).hexdigest()


def test_a_training_checkpoint_gives_its_model(tmp_path: Path) -> None:
    torch.save({"model": TENSORS, "epoch": 3}, tmp_path / "checkpoint.pth")

    assert list(weights.read_pth(tmp_path / "checkpoint.pth")) == ["layer.weight"]


def test_a_hash_in_the_name_must_be_true(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "net-0123abcd.pth")

    with pytest.raises(BackboneError, match="isn't the file that its name says"):
        weights.read_pth(tmp_path / "net-0123abcd.pth")


class Dangerous:
    """Pickles to a call."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("was-run"),)


def test_code_in_a_pth_file_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"layer.weight": Dangerous()}, "net.pth")

    with pytest.raises(BackboneError, match="holds more than tensors"):
        weights.read_pth(Path("net.pth"))
    assert not Path("was-run").exists()


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights", b"\x80\x02\x8a\nl\xfc"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(BackboneError, match=rf"{name} can't be read as"):
        weights.read("resnet18", str(tmp_path / name))


def test_a_list_of_numbers_is_no_state_dict(tmp_path: Path) -> None:
    torch.save([1, 2, 3], tmp_path / "net.pth")

    with pytest.raises(BackboneError, match="holds no state dict"):
        weights.read_pth(tmp_path / "net.pth")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"There is no weights file .*mine\.safetensors"):
        weights.read("resnet18", str(tmp_path / "mine.safetensors"))


@pytest.mark.parametrize("told", ["random:", "random:x", "random:-1", "pretrained", "net.onnx"])
def test_other_words_for_weights_are_refused(told: str) -> None:
    with pytest.raises(BackboneError, match="random:SEED"):
        weights.identity(told)


def test_pretrained_weights_out_of_reach_say_where_to_put_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        where = tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth"

        with pytest.raises(WeightsMissing, match=rf"Put https://\S+ at {where}, or name a file .* write random:0"):
            weights.read("resnet18", "auto")


def test_pretrained_weights_in_the_cache_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    torch.save(TENSORS, cache / "resnet18-f37072fd.pth")

    with pytest.raises(BackboneError, match="isn't the file that its name says"):
        weights.read("resnet18", "auto")
