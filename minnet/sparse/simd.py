"""SIMD vectors: sixteen numbers that the processor multiplies with one instruction.

A modern core multiplies and adds 8 (sometimes 16) float32 numbers as fast as a single one, if they are contiguous.
The compiler behind numba (LLVM) vectorises simple loops but not sparse ones, so this file gives our kernels explicit
vector operations: `load`, `fma`, `store` and a few more, each of which becomes one or two instructions.

How to read this file
---------------------
numba turns Python into LLVM's own language step by step. An `@intrinsic` is a function that hooks into the last step:
instead of Python to be compiled it *writes the LLVM instructions itself*. Each one consists of two functions:

* the outer function is called with the **types** of the arguments while numba infers types. It returns a signature:
  "given these types, my result has that type";
* the inner function, `emit`, is called later, when code is written. It gets a `builder`, whose methods append one
  LLVM instruction each (`builder.load`, `builder.fadd`, …), and the arguments as LLVM **values**. What it returns
  is the result.

So this kernel line

    total = fma(splat(16, values, p), load(16, x, i), total)

becomes, on a processor with 8-float registers, two multiply-adds (16 lanes = 2 registers): about one clock cycle for 32
floating-point operations. Written with ordinary numba loops the same work takes four to ten times as long.

LLVM's `<16 x float>` is portable: where registers hold 4 floats it uses four of them, where they hold 16, one. Nothing
here names a particular processor.

A warning: `load` and `store` check no bounds and don't wrap negative indices. That is part of why they are fast, and it
is why the tests compare every kernel with a plain Python version that checks them.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model

FLOAT = ir.FloatType()
INT32 = ir.IntType(32)
INT64 = ir.IntType(64)


class Vector(types.Type):
    """numba's name for the type of a vector: `Vector(16)` holds 16 float32 lanes."""

    def __init__(self, lanes: int):
        self.lanes = lanes
        super().__init__(name=f"Vector({lanes})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    """The LLVM type of a Vector: `<lanes x float>`, which fits registers."""

    def __init__(self, manager, vector):
        super().__init__(manager, vector, ir.VectorType(FLOAT, vector.lanes))


def _address(context, builder, array_type, array, index_type, index):
    """Pointer to array[index] (of an array in C order, counted along its memory), without any check."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [context.cast(builder, index, index_type, types.intp)])


def _load(builder, pointer, llvm_type, alignment):
    """Read `llvm_type` from a pointer to something else, promising LLVM no more alignment (bytes) than there is."""
    loaded = builder.load(builder.bitcast(pointer, llvm_type.as_pointer()))
    loaded.align = alignment
    return loaded


def _store(builder, value, pointer):
    stored = builder.store(value, builder.bitcast(pointer, value.type.as_pointer()))
    stored.align = 4


def order(numbers):
    """The source of each lane of the result, as `shuffle_vector` expects it."""
    return ir.Constant(ir.VectorType(INT32, len(numbers)), list(numbers))


def _fence(builder, vector):
    """The same vector, hidden from LLVM's optimiser, so that it does not replace what follows by other loads."""
    fence = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector.type, [vector.type]),
                                           f"llvm.arithmetic.fence.v{vector.type.count}f32")
    return builder.call(fence, [vector])


@intrinsic(prefer_literal=True)
def load(typing, lanes, array, index):
    """load(lanes, array, i): array[i : i + lanes] as a vector. `lanes` is a compile-time constant."""
    vector = Vector(lanes.literal_value)

    def emit(context, builder, signature, values):
        pointer = _address(context, builder, signature.args[1], values[1], signature.args[2], values[2])
        return _load(builder, pointer, ir.VectorType(FLOAT, vector.lanes), 4)
    return vector(lanes, array, index), emit


@intrinsic
def store(typing, array, index, vector):
    """store(array, i, v): write the lanes of v to array[i], array[i + 1], …"""
    def emit(context, builder, signature, values):
        _store(builder, values[2],
               _address(context, builder, signature.args[0], values[0], signature.args[1], values[1]))
        return context.get_dummy_value()
    return types.void(array, index, vector), emit


@intrinsic(prefer_literal=True)
def splat(typing, lanes, array, index):
    """splat(lanes, array, i): array[i] in every lane."""
    vector = Vector(lanes.literal_value)

    def emit(context, builder, signature, values):
        nothing = ir.Constant(ir.VectorType(FLOAT, vector.lanes), ir.Undefined)
        number = builder.load(_address(context, builder, signature.args[1], values[1],
                                       signature.args[2], values[2]))
        first = builder.insert_element(nothing, number, INT32(0))
        return builder.shuffle_vector(first, nothing, order([0] * vector.lanes))
    return vector(lanes, array, index), emit


@intrinsic
def quad(typing, array, index):
    """quad(array, i): the four numbers array[i : i + 4], twice, for `lane` to broadcast. One load for four weights.

    Without the fence LLVM would turn each `lane` into another load from memory. That saves an instruction, but loads
    are the bottleneck of our kernels.
    """
    def emit(context, builder, signature, values):
        pointer = _address(context, builder, signature.args[0], values[0], signature.args[1], values[1])
        four = _load(builder, pointer, ir.VectorType(FLOAT, 4), 4)
        twice = order([0, 1, 2, 3, 0, 1, 2, 3])
        return _fence(builder, builder.shuffle_vector(four, ir.Constant(four.type, ir.Undefined), twice))
    return Vector(8)(array, index), emit


@intrinsic(prefer_literal=True)
def lane(typing, lanes, vector, k):
    """lane(lanes, quad(array, i), k): array[i + k] in every lane, for k = 0 … 3, without another load."""
    wide, which = Vector(lanes.literal_value), k.literal_value

    def emit(context, builder, signature, values):
        nothing = ir.Constant(values[1].type, ir.Undefined)
        spread = ([which] * 4 + [which + 4] * 4) * (wide.lanes // 8)
        return builder.shuffle_vector(values[1], nothing, order(spread))
    return wide(lanes, vector, k), emit


@intrinsic
def fma(typing, a, b, c):
    """fma(a, b, c): a * b + c, lane by lane; one instruction, rounded once, on processors that can (most)."""
    def emit(context, builder, signature, values):
        vector = values[0].type
        multiply_add = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{vector.count}f32")
        return builder.call(multiply_add, values)
    return a(a, b, c), emit


@intrinsic
def add(typing, a, b):
    """add(a, b): a + b, lane by lane."""
    return a(a, b), lambda context, builder, signature, values: builder.fadd(*values)


@intrinsic(prefer_literal=True)
def zeros(typing, lanes):
    """zeros(lanes): 0 in every lane."""
    vector = Vector(lanes.literal_value)
    nothing = ir.Constant(ir.VectorType(FLOAT, vector.lanes), [0.0] * vector.lanes)
    return vector(lanes), lambda context, builder, signature, values: nothing


@intrinsic(prefer_literal=True)
def half(typing, vector, which):
    """half(v, which): the first (0) or the second (1) four lanes of eight."""
    first = 4 * which.literal_value

    def emit(context, builder, signature, values):
        return builder.shuffle_vector(values[0], values[0], order(range(first, first + 4)))
    return Vector(4)(vector, which), emit


@intrinsic
def relu(typing, vector):
    """relu(v): max(v, 0), lane by lane. NaN stays NaN, as in NumPy."""
    def emit(context, builder, signature, values):
        zero = ir.Constant(values[0].type, [0.0] * values[0].type.count)
        fenced = _fence(builder, values[0])     # else LLVM may store the zeros only, lane by lane: ten times slower
        return builder.select(builder.fcmp_ordered("<", fenced, zero), zero, fenced)
    return vector(vector), emit


@intrinsic
def maximum(typing, a, b):
    """maximum(a, b): the larger number of each lane, or NaN if one of them is, as in NumPy."""
    def emit(context, builder, signature, values):
        kind = values[0].type
        larger = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind, [kind, kind]), f"llvm.maximum.v{kind.count}f32")
        return builder.call(larger, values)
    return a(a, b), emit


@intrinsic
def four(typing, array, index):
    """four(columns, q): the four uint16 numbers columns[q : q + 4] in a single 64-bit integer, the first one lowest.

    One load instead of four. `(word >> 16) & 0xFFFF` extracts the second one. (All processors that numba supports are
    little-endian.)
    """
    def emit(context, builder, signature, values):
        pointer = _address(context, builder, signature.args[0], values[0], signature.args[1], values[1])
        return _load(builder, pointer, INT64, 2)
    return types.int64(array, index), emit


@intrinsic
def two(typing, array, index):
    """two(columns, q): columns[q] and columns[q + 1] in one integer, as `four` does it. Saves arithmetic, not loads."""
    def emit(context, builder, signature, values):
        pointer = _address(context, builder, signature.args[0], values[0], signature.args[1], values[1])
        return builder.zext(_load(builder, pointer, INT32, 2), INT64)
    return types.int64(array, index), emit


@intrinsic
def number(typing, array, index):
    """number(table, i): table[i] of an array of integers, counted along its memory, as an ordinary integer.

    `table[i]` would do the same, but first ask whether i is negative and counts from the end.
    """
    def emit(context, builder, signature, values):
        loaded = builder.load(_address(context, builder, signature.args[0], values[0], signature.args[1], values[1]))
        return context.cast(builder, loaded, signature.args[0].dtype, types.int64)
    return types.int64(array, index), emit


@intrinsic
def unaligned(typing, array):
    """unaligned(array): how many numbers to skip until the next address that is a multiple of 64 (a cache line)."""
    def emit(context, builder, signature, values):
        address = builder.ptrtoint(context.make_array(signature.args[0])(context, builder, values[0]).data, INT64)
        return builder.lshr(builder.and_(builder.neg(address), INT64(63)), INT64(2))
    return types.int64(array), emit


@intrinsic
def pick(typing, array, a, b, c, d):
    """pick(x, a, b, c, d): the vector (x[a], x[b], x[c], x[d]).

    Four ordinary loads. There is a "gather" instruction for this, which is slower on most processors.
    """
    def emit(context, builder, signature, values):
        vector = ir.Constant(ir.VectorType(FLOAT, 4), ir.Undefined)
        for lane in range(4):
            pointer = _address(context, builder, signature.args[0], values[0],
                               signature.args[1 + lane], values[1 + lane])
            vector = builder.insert_element(vector, builder.load(pointer), INT32(lane))
        return vector
    return Vector(4)(array, a, b, c, d), emit


@intrinsic
def put(typing, array, a, b, c, d, vector):
    """put(y, a, b, c, d, v): y[a], y[b], y[c], y[d] = the four lanes of v."""
    def emit(context, builder, signature, values):
        for lane in range(4):
            pointer = _address(context, builder, signature.args[0], values[0],
                               signature.args[1 + lane], values[1 + lane])
            builder.store(builder.extract_element(values[5], INT32(lane)), pointer)
        return context.get_dummy_value()
    return types.void(array, a, b, c, d, vector), emit


@intrinsic(prefer_literal=True)
def chosen(typing, slot, columns, index, neighbours):
    """chosen(slot, columns, q, quad(x, i)): eight numbers, each one of the same four neighbours x[i : i + 4].

    Two bits encode which one, 0 … 3. columns[q] and columns[q + 1] hold eight fields of four bits; `slot` 0 reads the
    lower two bits of each field, `slot` 1 the upper two. LLVM has no operation for "lane k of the result
    is lane p[k] of the source", so it is spelled out lane by lane; most processors have one instruction for it.
    """
    shift = 2 * slot.literal_value

    def emit(context, builder, signature, values):
        eight = ir.VectorType(INT32, 8)
        pointer = _address(context, builder, signature.args[1], values[1], signature.args[2], values[2])
        word = builder.insert_element(ir.Constant(eight, ir.Undefined), _load(builder, pointer, INT32, 2), INT32(0))
        words = builder.shuffle_vector(word, word, order([0] * 8))
        positions = builder.lshr(words, ir.Constant(eight, [4 * k + shift for k in range(8)]))
        positions = builder.and_(positions, ir.Constant(eight, [3] * 8))
        vector = ir.Constant(values[3].type, ir.Undefined)
        for k in range(8):
            found = builder.extract_element(values[3], builder.extract_element(positions, INT32(k)))
            vector = builder.insert_element(vector, found, INT32(k))
        return vector
    return neighbours(slot, columns, index, neighbours), emit


@intrinsic
def turn(typing, source, start, step, last, target, to, to_step):
    """Transpose 8 rows of 4 numbers into 4 rows of 8: target[to + j * to_step + i] = source[start + i * step + j].

    (For i in 0 … 7 and j in 0 … 3; where i > `last`, row `last` is repeated, so nothing beyond it is read.)
    Samples arrive one after the other, but the kernels want one feature after the other. Number by number that costs
    32 loads and 32 stores. Here rows are loaded in pairs, and two rounds of shuffles put the lanes in order: first
    single lanes are exchanged, then pairs of them.
    """
    def emit(context, builder, signature, values):
        source, start, step, last, target, to, to_step = (
            value if isinstance(kind, types.Array) else context.cast(builder, value, kind, types.intp)
            for value, kind in zip(values, signature.args, strict=True))

        def row(i):
            i = builder.select(builder.icmp_signed("<", last, INT64(i)), last, INT64(i))
            pointer = _address(context, builder, signature.args[0], source, types.intp,
                               builder.add(start, builder.mul(i, step)))
            return _load(builder, pointer, ir.VectorType(FLOAT, 4), 4)

        def shuffle(a, b, lanes):
            return builder.shuffle_vector(a, b, order(lanes))

        pairs = [shuffle(row(i), row(i + 4), [0, 1, 2, 3, 4, 5, 6, 7]) for i in range(4)]
        low, high, low_pairs, high_pairs = (
            [0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15],
            [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15])
        for half in (low, high):
            a, b = shuffle(pairs[0], pairs[1], half), shuffle(pairs[2], pairs[3], half)
            for lanes in (low_pairs, high_pairs):
                _store(builder, shuffle(a, b, lanes),
                       _address(context, builder, signature.args[4], target, types.intp, to))
                to = builder.add(to, to_step)
        return context.get_dummy_value()
    return types.void(source, start, step, last, target, to, to_step), emit
