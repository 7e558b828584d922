// What Python gives training: structs of tensors and sizes, by keyword.
#pragma once
#include <nanobind/nanobind.h>

#include "scan.h"

namespace recurra {

// Where a tensor's numbers are, which lie side by side; nowhere where there is none.
struct Pointer {
  void* at = nullptr;
  template <class T> T* as() const { return static_cast<T*>(at); }
};

}  // namespace recurra

template <> struct nanobind::detail::type_caster<recurra::Pointer> {
  NB_TYPE_CASTER(recurra::Pointer, const_name("torch.Tensor | None"))
  bool from_python(handle tensor, std::uint8_t, cleanup_list*) noexcept {
    value.at = nullptr;
    if (tensor.is_none()) return true;
    static PyObject* const ask = PyUnicode_InternFromString("data_ptr");
    PyObject* given[] = {nullptr, tensor.ptr()};
    PyObject* const found = PyObject_VectorcallMethod(ask, given + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
    if (found) value.at = PyLong_AsVoidPtr(found);
    Py_XDECREF(found);
    const bool failed = PyErr_Occurred() != nullptr;
    PyErr_Clear();
    return !failed;
  }
};

namespace recurra {

// Training's calls: what is walked, once for both directions, and tensors by the names that ForwardCall and
// BackwardCall in scan.h give them. Three structs: a call by many keywords takes the square of their number.
struct Problem {
  bool wide, reverse, time_first;
  int cell, threads;
  std::int64_t batch, steps, features, hidden;
  Pointer lengths, resets;
  Shape shape() const {
    const int kind = lengths.at ? kRagged : time_first ? kTimeFirst : kBatchFirst;
    return {cell, kind, batch, steps, features, hidden, lengths.as<const std::int64_t>(),
            resets.as<const std::uint8_t>(), reverse, threads};
  }
};

struct Tensors {
  Pointer x, w_ih, w_hh, b_ih, b_hh, h0, c0, out, cells, saved, hn, cn;
};

struct Gradients {
  Pointer dout, dcells, dhn, dcn, grads, dx, dw_ih, dw_hh, db_ih, db_hh, dh0, dc0;
};

template <class T> void forward_of(const Problem& p, const Tensors& t, const Prepared<T>* prepared) {
  ForwardCall<T> call{};
  call.x = t.x.as<T>(), call.w_ih = t.w_ih.as<T>(), call.w_hh = t.w_hh.as<T>(), call.b_ih = t.b_ih.as<T>(), call.b_hh = t.b_hh.as<T>();
  call.h0 = t.h0.as<T>(), call.c0 = t.c0.as<T>();
  call.out = t.out.as<T>(), call.out_stride = p.hidden, call.cells = t.cells.as<T>(), call.saved = t.saved.as<T>();
  call.hn = t.hn.as<T>(), call.cn = t.cn.as<T>(), call.prepared = prepared;
  forward<T>(p.shape(), call);
}

template <class T> void backward_of(const Problem& p, const Tensors& t, const Gradients& g) {
  BackwardCall<T> call{};
  call.x = t.x.as<T>(), call.w_ih = t.w_ih.as<T>(), call.w_hh = t.w_hh.as<T>(), call.h0 = t.h0.as<T>(), call.c0 = t.c0.as<T>();
  call.out = t.out.as<T>(), call.out_stride = p.hidden, call.cells = t.cells.as<T>(), call.saved = t.saved.as<T>();
  call.dout = g.dout.as<T>(), call.dcells = g.dcells.as<T>(), call.dhn = g.dhn.as<T>(), call.dcn = g.dcn.as<T>();
  call.grads = g.grads.as<T>(), call.dx = g.dx.as<T>(), call.dw_ih = g.dw_ih.as<T>(), call.dw_hh = g.dw_hh.as<T>();
  call.db_ih = g.db_ih.as<T>(), call.db_hh = g.db_hh.as<T>(), call.dh0 = g.dh0.as<T>(), call.dc0 = g.dc0.as<T>();
  backward<T>(p.shape(), call);
}

// A struct as Python makes it, by keyword; tensors alone may be left out.
template <class Struct, class Type> struct Field {
  const char* name;
  Type Struct::*member;
};
template <class Struct, class Type> Field(const char*, Type Struct::*) -> Field<Struct, Type>;

template <class Struct, class... Types>
void describe(nanobind::module_& m, const char* name, Field<Struct, Types>... fields) {
  nanobind::class_<Struct> made(m, name);
  made.def(
      "__init__",
      [fields...](Struct* self, Types... values) {
        new (self) Struct{};
        ((self->*fields.member = values), ...);
      },
      nanobind::kw_only(), (nanobind::arg(fields.name) = nanobind::none())...);
}

inline void describe_training(nanobind::module_& m) {
  describe(m, "Problem",
           Field{"wide", &Problem::wide}, Field{"reverse", &Problem::reverse},
           Field{"time_first", &Problem::time_first}, Field{"cell", &Problem::cell},
           Field{"threads", &Problem::threads}, Field{"batch", &Problem::batch}, Field{"steps", &Problem::steps},
           Field{"features", &Problem::features}, Field{"hidden", &Problem::hidden}, Field{"lengths", &Problem::lengths},
           Field{"resets", &Problem::resets});
  describe(m, "Tensors",
           Field{"x", &Tensors::x}, Field{"w_ih", &Tensors::w_ih}, Field{"w_hh", &Tensors::w_hh},
           Field{"b_ih", &Tensors::b_ih}, Field{"b_hh", &Tensors::b_hh}, Field{"h0", &Tensors::h0},
           Field{"c0", &Tensors::c0}, Field{"out", &Tensors::out}, Field{"cells", &Tensors::cells},
           Field{"saved", &Tensors::saved}, Field{"hn", &Tensors::hn}, Field{"cn", &Tensors::cn});
  describe(m, "Gradients",
           Field{"dout", &Gradients::dout}, Field{"dcells", &Gradients::dcells}, Field{"dhn", &Gradients::dhn},
           Field{"dcn", &Gradients::dcn}, Field{"grads", &Gradients::grads}, Field{"dx", &Gradients::dx},
           Field{"dw_ih", &Gradients::dw_ih}, Field{"dw_hh", &Gradients::dw_hh}, Field{"db_ih", &Gradients::db_ih},
           Field{"db_hh", &Gradients::db_hh}, Field{"dh0", &Gradients::dh0}, Field{"dc0", &Gradients::dc0});
}

}  // namespace recurra
