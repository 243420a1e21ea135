"""The buffers of a compiled graph, made in its first call instead of in each."""

from __future__ import annotations

import math
import re

BEGIN = "\nvoid inductor_entry_impl("
"""Of the function that calls a graph's kernels."""
LARGEST = 4_000_000
"""Of an allocation that is held, in bytes. Where there are larger ones, making them is little."""

_RAW = r"    AtenTensorHandle (?P<raw>\w+);\n    AOTI_TORCH_ERROR_CODE_CHECK\((?P<how>"
_ALLOCATED = re.compile(
    _RAW + r"aoti_torch_empty_strided\(\d+, (?P<of>\w+), .*), &(?P=raw)\)\);\n"
    r"    RAIIAtenTensorHandle (?P<name>\w+)\((?P=raw)\);\n"
)
_PLACED = re.compile(
    _RAW + r"aoti_torch__alloc_from_pool\((?P<of>\w+), .*), &(?P=raw)\)\);\n"
    r"    auto (?P<name>\w+) = RAIIAtenTensorHandle\((?P=raw)\);\n"
)
_OURS = r"(?:product|packed)\w*"
"""Names of our own operators, which are given again what they returned, whatever its size."""
_GIVEN = re.compile(rf"(AtenTensorHandle \w+_handle);(?=\n.*\baoti_torch_cpu_{_OURS}\()")
_RETURNED = re.compile(
    r"    AtenTensorHandle (?P<raw>(?P<name>\w+)_handle) = nullptr;\n"
    rf"    AOTI_TORCH_ERROR_CODE_CHECK\((?P<how>aoti_torch_cpu_{_OURS}\(.*), &(?P=raw)\)\);\n"
    r"    RAIIAtenTensorHandle (?P=name)\((?P=raw)\);\n"
)
_ALIAS = re.compile(
    r"    auto (?P<name>\w+) = wrap_with_raii_handle_if_needed"
    r"\(reinterpret_tensor_wrapper\((?P<how>(?P<of>\w+), .*)\)\);  // (?:alias|reuse)\n"
)
_MOVED = re.compile(r"    auto (?P<name>\w+) = (?P<how>std::move\((?P<of>\w+)\));  // reuse\n")
_MAKING = """
namespace {
[[gnu::noinline]] void made(RAIIAtenTensorHandle& as, AOTITorchError error, AtenTensorHandle raw) {
    AOTI_TORCH_ERROR_CODE_CHECK(error);
    as = RAIIAtenTensorHandle(raw);
}

[[gnu::noinline]] void viewed(
    RAIIAtenTensorHandle& as, AtenTensorHandle of, int64_t dimensions, const int64_t* sizes,
    const int64_t* strides, int64_t offset) {
    as = wrap_with_raii_handle_if_needed(
        reinterpret_tensor_wrapper(of, dimensions, sizes, strides, offset));
}
}
"""
"""Written once, not in a hundred places: the compiler takes a sixth less time."""


def held(source: str) -> str:
    """Inductor's C++ of a graph, with its buffers held from call to call, by each thread.

    A buffer is a place in an allocation, seen in some shape: the same in every call. An update
    makes and deletes a hundred, a seventh of its time at LSTM 64. What leaves the graph, and what
    shares an allocation with it, is made in each call, as before; so is what is not recognised.
    """
    if BEGIN not in source:
        return source
    source = _GIVEN.sub(r"\1 = nullptr;", source)
    start = source.index(BEGIN)
    before, body = source[:start], source[start:]
    parts = {m["name"]: m["of"] for form in (_PLACED, _ALIAS, _MOVED) for m in form.finditer(body)}

    def allocation(name: str) -> str:
        while name in parts:
            name = parts[name]
        return name

    leaving = re.findall(r"\w+", " ".join(re.findall(r"output_handles\[.*", body)))
    small = {m["name"] for m in _ALLOCATED.finditer(body) if _size(m["of"], body) <= LARGEST}
    small |= {m["name"] for m in _RETURNED.finditer(body)}
    small -= {allocation(name) for name in leaving}
    kept = {name for name in {*small, *parts} if allocation(name) in small}
    if not kept:
        return source
    made = []

    def once(match: re.Match[str]) -> str:
        name, how = match["name"], match["how"]
        if name not in kept:
            return match[0]
        if match.re is _MOVED:
            return f"    auto& {name} = {match['of']};\n"
        made.append(name)
        if match.re is _RETURNED:
            taken = f"RAIIAtenTensorHandle({match['raw']})"
            return (
                f"    auto& {name} = held.{name};\n"
                f"    AtenTensorHandle {match['raw']} = {name}.get();\n"
                f"    AOTI_TORCH_ERROR_CODE_CHECK({how}, &{match['raw']}));\n"
                f"    if (!{name}.get()) {name} = {taken};\n"
            )
        make = f"AtenTensorHandle raw = nullptr; const auto error = {how}, &raw); "
        make += f"made({name}, error, raw);"
        if match.re is _ALIAS:
            make = f"viewed({name}, {how});"
        return f"    auto& {name} = held.{name};\n    if (!{name}.get()) {{ {make} }}\n"

    for form in (_ALLOCATED, _PLACED, _RETURNED, _ALIAS, _MOVED):
        body = form.sub(once, body)
    body = re.sub(r"\b(\w+)\.reset\(\);", lambda m: "" if m[1] in kept else m[0], body)
    if kept.intersection(re.findall(r"(?<=std::move\()\w+|\w+(?=\.re(?:lease|set)\()", body)):
        return source  # taken from us in a way that is not known here
    names = ", ".join(made)
    struct = f"\nnamespace {{ struct Held {{ RAIIAtenTensorHandle {names}; }}; }}\n"
    body = body.replace(") {\n", ") {\n    static thread_local Held held;\n", 1)
    return before + struct + _MAKING + body


def _size(shape: str, body: str) -> int:
    """Elements of an allocation of this shape: of a pool, its bytes."""
    found = re.search(rf"int64_t {shape}\[\] = {{(.*)}};", body)
    return math.prod(int(size) for size in re.findall(r"\d+", found[1])) if found else LARGEST + 1
