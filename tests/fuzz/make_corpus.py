#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the hand-made inputs of tests/fuzz/corpus, from which fuzzing starts and which the tests replay.

    tests/fuzz/make_corpus.py [FOLDER]     (default: corpus/ beside this file)

Inputs that are not made here were found by fuzzing; their names begin with "found_".
"""
import json
import pathlib
import struct
import sys

top = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "corpus")


def put(target, name, data):
    folder = top / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def npy(header, data=b"", version=1, length=None):
    header = header.encode("latin-1")
    length = len(header) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", length) + header + data


def describe(descr, shape, order="False"):
    return f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n"


for descr, size in (("<f4", 4), ("<f2", 2), ("<f8", 8), ("<i8", 8), ("<i4", 4), ("<u2", 2), ("|u1", 1), ("<u1", 1)):
    put("npy", "type_" + descr[1:] + ("_little" if descr == "<u1" else ""), npy(describe(descr, "(2, 3)"), bytes(range(6 * size))))
put("npy", "scalar", npy(describe("<f4", "()"), b"\0\0\x80?"))
put("npy", "one_dimension", npy(describe("<i8", "(1,)"), bytes(8)))
put("npy", "no_elements", npy(describe("<f4", "(0, 5)")))
put("npy", "sixteen_dimensions", npy(describe("|u1", "(" + "1, " * 16 + ")"), b"1"))
put("npy", "seventeen_dimensions", npy(describe("|u1", "(" + "1, " * 17 + ")"), b"1"))
put("npy", "version_2", npy(describe("<f4", "(1,)"), bytes(4), 2))
put("npy", "version_3", npy(describe("<f4", "(1,)"), bytes(4), 3))
put("npy", "version_4", npy(describe("<f4", "(1,)"), bytes(4), 4))
put("npy", "python_2", npy(describe("<f4", "(3L,)"), bytes(12)))
put("npy", "fortran", npy(describe("<f4", "(2, 3)", "True"), bytes(24)))
put("npy", "fortran_row", npy(describe("<f4", "(1, 3)", "True"), bytes(12)))
put("npy", "big_endian", npy(describe(">f4", "(1,)"), bytes(4)))
put("npy", "structured", npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", bytes(4)))
put("npy", "overflow", npy(describe("<f8", "(4294967296, 4294967296)")))
put("npy", "overflow_by_zero", npy(describe("<f8", "(4294967296, 4294967296, 0)")))
put("npy", "largest_dimension", npy(describe("|u1", "(9223372036854775807,)")))
put("npy", "beyond_largest", npy(describe("|u1", "(9223372036854775808,)")))
put("npy", "negative", npy(describe("|u1", "(-1,)")))
put("npy", "header_longer_than_file", npy(describe("<f4", "(1,)"), bytes(4), 2, 0xFFFFFFFF))
put("npy", "key_twice", npy("{'shape': (1,), 'shape': (1,), 'descr': '|u1', 'fortran_order': False}", b"1"))
put("npy", "control_characters", npy("{'\x1b[2J': 1, '\x9b2J': 2}"))
put("npy", "long_string", npy("{'" + "a" * 200 + "': 1}"))


def safetensors(header, data=b"", length=None):
    header = header if isinstance(header, bytes) else (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


for dtype, size in (("F32", 4), ("F16", 2), ("BF16", 2), ("F64", 8), ("I64", 8), ("I32", 4), ("U16", 2), ("U8", 1)):
    put("safetensors", "type_" + dtype, safetensors({"x": entry(dtype, [2, 3], 0, 6 * size)}, bytes(6 * size)))
put("safetensors", "two", safetensors({"__metadata__": {"format": "pt"}, "x": entry("F32", [1], 0, 4), "y": entry("U8", [], 4, 5)}, bytes(5)))
put("safetensors", "empty", safetensors({"x": entry("F32", [0, 7], 0, 0)}))
put("safetensors", "many", safetensors({f"t{i}": entry("U8", [1], i, i + 1) for i in range(14)}, bytes(14)))
put("safetensors", "overlap", safetensors({"x": entry("U8", [3], 0, 3), "y": entry("U8", [3], 0, 3)}, bytes(4)))
put("safetensors", "beyond_the_file", safetensors({"x": entry("U8", [9], 0, 9)}, bytes(4)))
put("safetensors", "backwards", safetensors({"x": entry("U8", [1], 4, 3)}, bytes(4)))
put("safetensors", "negative", safetensors({"x": entry("U8", [-1], -1, 0)}, bytes(4)))
put("safetensors", "overflow", safetensors({"x": entry("F64", [2**32, 2**32], 0, 4)}, bytes(4)))
put("safetensors", "integer_too_large", safetensors('{"x":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,4]}}', bytes(4)))
put("safetensors", "not_integers", safetensors({"x": entry("U8", [1.5], "0", None)}, bytes(4)))
put("safetensors", "wrong_kinds", safetensors({"x": [], "y": 3}))
put("safetensors", "array", safetensors("[[[[]]]]"))
put("safetensors", "twice", safetensors('{"x":1,"x":2}'))
put("safetensors", "header_of_2_64", safetensors("{}", b"", 2**64 - 1))
put("safetensors", "header_of_2_63", safetensors("{}", b"", 2**63))
put("safetensors", "no_header", safetensors(b""))
put("safetensors", "escapes", safetensors('{"\\u001b[2J\\u009b2J":{"dtype":"U8","shape":[],"data_offsets":[0,0]}}'))
put("safetensors", "not_utf8", safetensors(b'{"\xff\xfe":1}'))
put("safetensors", "deep", safetensors("[" * 300))
put("safetensors", "containers", safetensors("[" + ",".join(["{}"] * 600) + "]"))
put("safetensors", "arrays", safetensors("[" + ",".join(["[]"] * 600) + "]"))
put("safetensors", "numbers", safetensors("[" + ",".join(["0"] * 800) + "]"))
put("safetensors", "strings", safetensors("[" + ",".join(['""'] * 600) + "]"))
put("safetensors", "keys", safetensors("{" + ",".join(f'"{i}":0' for i in range(200)) + "}"))

device = {"device": "M1 ?", "platform": "P"}
fields = ("wide_tile", "few_classes", "teams_per_unit", "group_size")
put("tuning", "good", json.dumps({"clxent": "0.1.0", **device, "driver": "1", "tuning": {f: 8 for f in fields}, "measured": []}))
put("tuning", "no_tuning", json.dumps(device))
put("tuning", "other_device", json.dumps({"device": "M2", "platform": "P", "tuning": {}}))
put("tuning", "control_characters", json.dumps({"device": "\x1b[2J\x9b2J\x7f", "platform": "\n", "tuning": {}}))
put("tuning", "long_name", json.dumps({"device": "a" * 500, "platform": "é" * 100, "tuning": {}}, ensure_ascii=False))
put("tuning", "too_large", json.dumps({**device, "tuning": {"wide_tile": 2**31}}))
put("tuning", "real", json.dumps({**device, "tuning": {"wide_tile": 8.5}}))
put("tuning", "not_json", "{\x1b")
put("tuning", "numbers", "[" + ",".join(["0"] * 800) + "]")
put("tuning", "containers", "[" + ",".join(["{}"] * 600) + "]")
put("tuning", "nothing", "")


def blob(identity, entries, tail=b""):
    data = b"clxentPC" + struct.pack("<II", 1, len(identity)) + identity
    for key, binary in entries:
        data += struct.pack("<IQ", len(key), len(binary)) + key + binary
    data += tail
    total = 0xCBF29CE484222325
    for byte in data:
        total = (total ^ byte) * 0x100000001B3 % 2**64
    return data, data + struct.pack("<Q", total)


for name, made in {
    "none": blob(b"clxent", []),
    "one": blob(b"clxent\ndevice", [(b"wide -DA=1", b"\0binary")]),
    "two": blob(b"", [(b"", b"x"), (b"key", b"y" * 40)]),
    "empty_binary": blob(b"i", [(b"k", b"")]),
    "key_of_2_32": blob(b"i", [], struct.pack("<IQ", 2**32 - 1, 1)),
    "binary_of_2_64": blob(b"i", [], struct.pack("<IQ", 0, 2**64 - 1) + b"x"),
    "sum_wraps": blob(b"i", [], struct.pack("<IQ", 13, 2**64 - 13) + b"x" * 13),
    "half_an_entry": blob(b"i", [], b"\1\0"),
}.items():
    put("program_blob", name, made[1])
    put("program_blob", name + "_to_be_sealed", made[0])

for name, line in {
    "loss": "loss --logits l.npy --targets t.npy --reduction sum --label-smoothing 0.1 --json",
    "loss_all": "loss --logits l --targets t --weight w --row-weight r --segment s --next-token --grad-output g "
    "--ignore-index -100 --empty-mean zero --z-loss 1e-4 --softcap 30 --logit-scale 0.5 --class-axis 1 "
    "--loss a --per-row b --log-prob c --lse d --argmax e --rank f --entropy h --log-probs i --grad j "
    "--dtype bf16 --device gpu --tuning x --memory 512M --schedule wide",
    "nll": "nll --log-probs l --targets t --argmax a",
    "softmax": "softmax --logits l --out o --class-axis=-1",
    "same_output": "loss --logits l --targets t --grad g --lse g",
    "missing": "loss --logits l",
    "twice": "nll --log-probs l --log-probs l",
    "abbreviated": "log-softmax --logi l --ou=o",
    "letters": "loss -xh",
    "help": "help loss",
    "help_option": "bench --help",
    "version": "--version",
    "unknown": "frobnicate --a",
    "unknown_option": "demo --logits l",
    "end_of_options": "verify -- --json",
    "numbers": "loss --logits l --targets t --logit-scale nan --z-loss inf --memory 99999999999999999999G",
    "hexadecimal": "loss --logits l --targets t --softcap 0x1p4 --ignore-index 9223372036854775808",
    "bench": "bench --op forward,grad --shape 8x50257,1x262144 --dtype f32,bf16 --pairs 9 --rotate 1G --csv",
    "bench_named": "bench --rows 8 --classes 10 --ignore 0.5 --class-weight --z-loss 1 --softcap 2 --label-smoothing 1",
    "bench_large": "bench --shape 9223372036854775807x2147483647,x,1x,-1x1",
    "bench_many": "bench --shape " + ",".join(["1x1"] * 33),
    "bench_growth": "bench --growth --plot p.svg",
    "tune": "tune --shape 1x1 --dtype all --out t.json --json",
    "empty_name": "loss --logits= --targets t",
    "list_of_nothing": "bench --op , --dtype ,",
    "devices": "devices --json",
}.items():
    put("command_line", name, line.replace(" ", "\n"))
