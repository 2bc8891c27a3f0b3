# SPDX-License-Identifier: Apache-2.0
"""Calls clxent through its C interface, like a program that keeps its logits on the device. It fills device buffers
once; an operation is clxent_enqueue() and then clFinish().

The structs below are those of clxent.h and clxent_opencl.h."""

import ctypes as c
import os

import numpy as np

from contestant import FORWARD, GRADIENT, IN_PLACE, Contestant, Operation

DTYPES = {"f32": 1, "bf16": 3}  # clxent_dtype
OUT_LOSS, OUT_GRAD = 1 << 6, 1 << 16  # clxent_desc.outputs
DEVICE_GPU = 2  # clxent_device_type
CL_QUEUE_CONTEXT = 0x1090
CL_MEM_READ_WRITE = 1


class Desc(c.Structure):
    _fields_ = (
        [("struct_size", c.c_size_t)]
        + [(n, c.c_int) for n in ("op", "reduction", "targets", "empty_mean")]
        + [(n, c.c_uint32) for n in ("flags", "outputs")]
        + [(n, c.c_int) for n in ("logits_dtype", "grad_dtype", "targets_dtype", "segment_dtype")]
        + [(n, c.c_int64) for n in ("rows", "classes", "inner", "classes_padded", "row_stride", "grad_row_stride",
                                    "targets_row_stride", "log_probs_row_stride", "grad_output_row_stride",
                                    "sequence_length", "tokens_per_sequence", "class_begin", "classes_total")]
        + [(n, c.c_int32) for n in ("use_ignore_index", "reserved_")]
        + [("ignore_index", c.c_int64)]
        + [(n, c.c_double) for n in ("label_smoothing", "z_loss", "softcap", "logit_scale", "grad_output")]
    )


class Buffer(c.Structure):
    _fields_ = [("mem", c.c_void_p), ("offset", c.c_size_t)]


class Buffers(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("rows", c.c_int64), ("scalars", c.c_void_p)] + [
        (n, Buffer) for n in ("workspace", "logits", "targets", "class_weight", "row_weight", "segment", "grad_output", "loss",
                              "row_loss", "log_prob", "lse", "lse_residual", "argmax", "rank", "entropy",
                              "log_probs", "probs", "grad", "counts", "state")]


class DeviceInfo(c.Structure):
    _fields_ = (
        [("struct_size", c.c_size_t), ("type", c.c_int)]
        + [(n, c.c_char * 128) for n in ("platform", "name", "vendor")]
        + [(n, c.c_char * 64) for n in ("driver", "opencl_version", "opencl_c_version")]
        + [(n, c.c_uint64) for n in ("global_memory_bytes", "largest_buffer_bytes", "local_memory_bytes",
                                     "work_group_limit")]
        + [("compute_units", c.c_uint32)]
        + [(n, c.c_int32) for n in ("fp64", "fp16", "atomics_64", "subgroups", "unified_memory", "compiler",
                                     "is_default")]
        + [("why", c.c_char * 128)]
    )


class Error(c.Structure):
    _fields_ = [("status", c.c_int), ("opencl_code", c.c_int32), ("message", c.c_char * 2040)]


class ClxentError(Exception):
    pass


class Clxent:
    """A context on the device that clxent chooses (the environment's CLXENT_DEVICE can name another)."""

    def __init__(self, library):
        p, size = c.c_void_p, c.c_size_t
        try:
            self._lib = c.CDLL(library)
            self._cl = c.CDLL(os.environ.get("CLXENT_OPENCL_LIBRARY") or "libOpenCL.so.1")
        except OSError as e:
            raise ClxentError(str(e)) from None
        for name, result, arguments in (
            ("clxent_version", c.c_char_p, []),
            ("clxent_ctx_create", c.c_int, [p, p, p]),
            ("clxent_ctx_destroy", None, [p]),
            ("clxent_ctx_last_error", c.c_char_p, [p]),
            ("clxent_ctx_device", c.c_int, [p, p]),
            ("clxent_ctx_queue", p, [p]),
            ("clxent_plan_create", c.c_int, [p, p, p]),
            ("clxent_plan_destroy", None, [p]),
            ("clxent_enqueue", c.c_int, [p, p, c.c_uint32, p, p]),
        ):
            f = getattr(self._lib, name)
            f.restype, f.argtypes = result, arguments
        for name, result, arguments in (
            ("clGetCommandQueueInfo", c.c_int, [p, c.c_uint32, size, p, p]),
            ("clCreateBuffer", p, [p, c.c_uint64, size, p, p]),
            ("clReleaseMemObject", c.c_int, [p]),
            ("clEnqueueWriteBuffer", c.c_int, [p, p, c.c_uint32, size, size, p, c.c_uint32, p, p]),
            ("clEnqueueReadBuffer", c.c_int, [p, p, c.c_uint32, size, size, p, c.c_uint32, p, p]),
            ("clEnqueueCopyBuffer", c.c_int, [p, p, p, size, size, size, c.c_uint32, p, p]),
            ("clFinish", c.c_int, [p]),
        ):
            f = getattr(self._cl, name)
            f.restype, f.argtypes = result, arguments
        ctx, error = p(), Error()
        if self._lib.clxent_ctx_create(c.byref(ctx), None, c.byref(error)):
            raise ClxentError(error.message.decode())
        self._ctx = ctx
        self.version = self._lib.clxent_version().decode()
        self.info = self._struct(DeviceInfo, "clxent_device_info_init_sized")
        self._check(self._lib.clxent_ctx_device(ctx, c.byref(self.info)))
        self._queue = p(self._lib.clxent_ctx_queue(ctx))
        context = p()
        self._check_cl("clGetCommandQueueInfo", self._queue, CL_QUEUE_CONTEXT, c.sizeof(p), c.byref(context), None)
        self._context = context

    def close(self):
        self._lib.clxent_ctx_destroy(self._ctx)

    @property
    def is_gpu(self):
        return self.info.type == DEVICE_GPU

    @property
    def device(self):
        return f"{self.info.platform.decode()} / {self.info.name.decode()}, driver {self.info.driver.decode()}"

    def _struct(self, kind, init):
        value = kind()
        getattr(self._lib, init)(c.byref(value), c.c_size_t(c.sizeof(kind)))
        return value

    def _check(self, status):
        if status:
            raise ClxentError(self._lib.clxent_ctx_last_error(self._ctx).decode())

    def _check_cl(self, name, *arguments):
        code = getattr(self._cl, name)(*arguments)
        if code:
            raise ClxentError(f"{name}: OpenCL error {code}")

    def _buffer(self, size):
        code = c.c_int32()
        mem = self._cl.clCreateBuffer(self._context, CL_MEM_READ_WRITE, size, None, c.byref(code))
        if code.value:
            raise ClxentError(f"clCreateBuffer({size} bytes): OpenCL error {code.value}")
        return mem

    def _plan(self, problem, outputs):
        desc = self._struct(Desc, "clxent_desc_init_sized")
        desc.rows, desc.classes = problem.shape
        desc.logits_dtype = DTYPES[problem.dtype]
        desc.outputs = outputs
        plan = c.c_void_p()
        self._check(self._lib.clxent_plan_create(c.byref(plan), self._ctx, c.byref(desc)))
        return plan

    def contestant(self, problem):
        """Returns a contestant that keeps its arrays on the device until close()."""
        rows, classes = problem.shape
        result = Contestant("clxent")
        mems, plans = [], []

        def close():
            for mem in mems:
                self._cl.clReleaseMemObject(mem)
            for plan in plans:
                self._lib.clxent_plan_destroy(plan)

        def write(array):
            mems.append(self._buffer(array.nbytes))
            self._check_cl("clEnqueueWriteBuffer", self._queue, mems[-1], 1, 0, array.nbytes, array.ctypes.data,
                           0, None, None)
            return mems[-1]

        def read_into(mem, array):
            self._check_cl("clEnqueueReadBuffer", self._queue, mem, 1, 0, array.nbytes, array.ctypes.data, 0, None,
                           None)
            return array

        def operation(plan, source, gradient, restore=None):
            buffers = self._struct(Buffers, "clxent_buffers_init_sized")
            buffers.logits.mem, buffers.targets.mem, buffers.loss.mem = source, targets, loss
            buffers.grad.mem = gradient
            enqueue, finish, arguments = self._lib.clxent_enqueue, self._cl.clFinish, c.byref(buffers)

            def call():
                self._check(enqueue(plan, arguments, 0, None, None))
                if finish(self._queue):
                    raise ClxentError("clFinish failed")

            def read(_):
                value = float(read_into(loss, np.empty(1, np.float32))[0])
                if gradient is None:
                    return value, None
                bits = read_into(gradient, np.empty_like(problem.logits))
                return value, bits if problem.dtype == "f32" else f32_of_bf16(bits)

            return Operation(call, read, restore)

        result.close = close
        try:
            logits, targets = write(problem.logits), write(problem.targets)
            loss, grad = write(np.zeros(1, np.float32)), write(np.zeros_like(problem.logits))
            plans.append(self._plan(problem, OUT_LOSS))
            plans.append(self._plan(problem, OUT_LOSS | OUT_GRAD))

            def restore():
                self._check_cl("clEnqueueCopyBuffer", self._queue, logits, grad, 0, 0, problem.logits.nbytes, 0, None,
                               None)
                self._check_cl("clFinish", self._queue)

            result.operations[FORWARD] = operation(plans[0], logits, None)
            result.operations[GRADIENT] = operation(plans[1], logits, grad)
            result.operations[IN_PLACE] = operation(plans[1], grad, grad, restore)
        except Exception:
            close()
            raise
        return result


def f32_of_bf16(bits):
    """A bf16 is the upper half of an f32."""
    return (bits.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
