"""Changes to a safetensors file that leave enough of it whole to be read past its header.

The file is 8 bytes of the header's length, the header in JSON, and the tensors' data. The header
names each tensor with its dtype, shape and place in the data; the model's own header is JSON in a
string of it.
"""

from __future__ import annotations

import json
import struct
from random import Random
from typing import Any

NUMBERS = [
    0, 1, 2, 3, -1, 0.5, 1.5, -0.0, 7, 8, 16, 255, 2**31 - 1, 2**31, 2**32, 2**40, 2**53, 2**62,
    2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30, -(2**63), 1e-300, 1e38, 1e39, 1e308, -1e308,
    float("inf"), float("-inf"), float("nan"),
]  # fmt: skip
TEXTS = [
    "", "x", "nan", "-inf", "1", "auto", "adam", "sgd", "adagrad", "gaussian", "bernoulli",
    "bounded-gaussian", "monte-carlo-em", "wake-sleep", "aevb", "dynamic", "threshold", "none",
    "relu", "AEVB", "WakeSleep", "MCEM", "\0", "\ud800", "\N{SNOWMAN}", "a" * 300, "abc",
]  # fmt: skip
DTYPES = ["F32", "F64", "F16", "BF16", "I8", "U8", "BOOL", "I64", "C64", "F8_E4M3", "x", 0, None]
FLOATS = [float("nan"), float("inf"), 3e38, -3e38, 1e-40, 0.0, -1.0, 1.0, 88.0, 1e4]


def mutate(data: bytes, max_size: int, rng: Random, seeds: list[bytes], raw: Any) -> bytes:
    """Return the file changed in a few places, or its bytes as libFuzzer changes them."""
    if rng.random() < 0.1:
        return raw(data, max_size)
    parts = _take_apart(data)
    if parts is None:
        return rng.choice(seeds) if rng.random() < 0.5 else raw(data, max_size)
    try:
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5))):
            parts = _change(*parts, rng, seeds)
        whole = _put_together(*parts)
    except RecursionError:  # lists nested more and more
        return rng.choice(seeds)
    if rng.random() < 0.05:
        whole = _change_frame(whole, rng)
    return whole[:max_size]


def _change(
    header: dict[str, Any], data: bytes, rng: Random, seeds: list[bytes]
) -> tuple[dict[str, Any], bytes]:
    kind = rng.random()
    if kind < 0.6:
        _change_model(header, rng, seeds)
    elif kind < 0.8:
        return _change_tensors(header, data, rng)
    elif kind < 0.95:
        return header, _change_data(data, rng)
    else:
        _change_tree(header, rng)
    return header, data


def _take_apart(data: bytes) -> tuple[dict[str, Any], bytes] | None:
    size = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + size])
    except (ValueError, RecursionError):
        return None
    return (header, data[8 + size :]) if isinstance(header, dict) and header else None


def _put_together(header: dict[str, Any], data: bytes) -> bytes:
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


def _change_model(header: dict[str, Any], rng: Random, seeds: list[bytes]) -> None:
    """Change the model's own header."""
    metadata = header.get("__metadata__")
    try:
        model = json.loads(metadata["aevb"])
    except (TypeError, KeyError, ValueError, RecursionError):
        return
    if not isinstance(model, dict):
        return
    if rng.random() < 0.1:  # a part of another file's
        other = json.loads(json.loads(_header_of(rng.choice(seeds)))["__metadata__"]["aevb"])
        key = rng.choice(sorted(other))
        model[key] = other[key]
    else:
        _change_tree(model, rng)
    metadata["aevb"] = json.dumps(model)


def _header_of(data: bytes) -> bytes:
    return data[8 : 8 + int.from_bytes(data[:8], "little")]


def _change_tree(tree: Any, rng: Random) -> None:
    """Change one place of nested lists and dicts."""
    node = tree
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = rng.choice(keys)
        if not isinstance(node[key], (dict, list)) or not node[key] or rng.random() < 0.1:
            break
        node = node[key]
    kind = rng.random()
    if kind < 0.1:
        del node[key]
    elif kind < 0.2 and isinstance(node, list):
        node.insert(key, node[key])
    elif kind < 0.3:
        other = rng.choice(keys)
        node[key], node[other] = node[other], node[key]
    elif kind < 0.35 and isinstance(node, dict):
        node[rng.choice(TEXTS)] = node[key]
    else:
        node[key] = _value(node[key], rng)


def _value(now: Any, rng: Random) -> Any:
    kind = rng.random()
    if kind < 0.2 and isinstance(now, (int, float)):
        return now + rng.choice((-1, 1, 0.5, 2**32, 2**64))
    if kind < 0.55:
        return rng.choice(NUMBERS)
    if kind < 0.75:
        return rng.choice(TEXTS)
    if kind < 0.85:
        return [now] * rng.choice((0, 1, 2, 9))
    if kind < 0.9:
        for _ in range(rng.choice((1, 5, 400))):
            now = [now]
        return now
    return rng.choice([None, True, False, {}, [], {"a": now}])


def _change_tensors(
    header: dict[str, Any], data: bytes, rng: Random
) -> tuple[dict[str, Any], bytes]:
    """Drop, add, rename, reshape or retype a tensor, the places of all in order or not."""
    names = [name for name in header if name != "__metadata__"]
    if not names:
        return header, data
    name = rng.choice(names)
    entry = header[name]
    kind = rng.randrange(7)
    try:
        begin, end = entry["data_offsets"]
        if kind == 0:
            entry["dtype"] = rng.choice(DTYPES)
        elif kind == 1:
            entry["shape"] = [_value(1, rng) for _ in range(rng.randrange(4))]
        elif kind == 2:
            entry["data_offsets"][rng.randrange(2)] = _value(begin, rng)
        elif kind == 3:
            header[rng.choice(names)] = entry
        elif kind == 4:
            entry["shape"] = entry["shape"][::-1]
        elif kind == 5:  # taken out, and what stands behind it moved
            del header[name]
            data = data[:begin] + data[end:]
            _move(header, end, begin - end)
        else:  # rows added or taken, and what stands behind it moved
            n = 4 * int(_product(entry["shape"][1:]))
            more = rng.choice((-1, 1, 3))
            if n <= 0 or entry["shape"][0] + more < 0:
                return header, data
            entry["shape"][0] += more
            kept = data[begin:end][: end - begin + more * n]
            data = data[:begin] + kept + bytes(max(0, more * n)) + data[end:]
            _move(header, end, more * n)
            entry["data_offsets"] = [begin, end + more * n]
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError):
        pass  # it has been changed before, beyond this kind of change
    return header, data


def _product(shape: list[int]) -> int:
    product = 1
    for n in shape:
        if not isinstance(n, int) or not 0 <= n < 1000:
            raise ValueError("a shape of another mutation")
        product *= n
    return product


def _move(header: dict[str, Any], behind: int, by: int) -> None:
    for name, entry in header.items():
        if name != "__metadata__" and entry["data_offsets"][0] >= behind:
            entry["data_offsets"] = [offset + by for offset in entry["data_offsets"]]


def _change_data(data: bytes, rng: Random) -> bytes:
    if len(data) < 4:
        return data
    changed = bytearray(data)
    at = rng.randrange(len(data) // 4) * 4
    if rng.random() < 0.6:
        changed[at : at + 4] = struct.pack("<f", rng.choice(FLOATS))
    else:
        changed[at] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _change_frame(whole: bytes, rng: Random) -> bytes:
    """Claim another length of the header, cut the end off, or add to it."""
    kind = rng.randrange(4)
    if kind == 0:
        return (
            rng.choice((0, 1, len(whole), 10**8, 2**63, 2**64 - 1)).to_bytes(8, "little")
            + whole[8:]
        )
    if kind == 1:
        return whole[: rng.randrange(len(whole))]
    if kind == 2:
        return whole + bytes(rng.choice((1, 4, 64)))
    return (int.from_bytes(whole[:8], "little") + rng.choice((-8, -1, 1, 8))).to_bytes(
        8, "little", signed=True
    ) + whole[8:]
