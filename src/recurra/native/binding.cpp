// The Python face: addresses and sizes in, checked by its callers (arrays.py, core/native_path.py), but for the
// arrays of a stream's step, which are checked here, where that takes no time.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdlib>
#include <string>

#include "pool.h"
#include "scan.h"

namespace nb = nanobind;
using namespace recurra;

namespace {

using Address = std::uintptr_t;  // 0: not given

template <class T> T* at(Address a) { return reinterpret_cast<T*>(a); }

Shape shape(int cell, int kind, std::int64_t batch, std::int64_t steps, std::int64_t features, std::int64_t hidden,
            Address lengths, Address resets, bool reverse, int threads) {
  return {cell,    kind,    batch, steps, features, hidden, at<const std::int64_t>(lengths), at<const std::uint8_t>(resets),
          reverse, threads};
}

// An array as Python lends it out; nothing where it is not contiguous, or of no plain numbers.
struct Lent {
  Py_buffer view;
  bool held;
  Lent(nb::handle array, bool writable) {
    const int wanted = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
    held = !array.is_none() && PyObject_GetBuffer(array.ptr(), &view, wanted) == 0;
    if (!held) PyErr_Clear();
  }
  ~Lent() {
    if (held) PyBuffer_Release(&view);
  }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  template <class T> bool is(std::int64_t rows, std::int64_t columns) const {
    return held && view.ndim == 2 && view.shape[0] == rows && view.shape[1] == columns && view.format &&
           view.format[0] == (sizeof(T) == 4 ? 'f' : 'd') && view.format[1] == 0 &&
           reinterpret_cast<Address>(view.buf) % sizeof(T) == 0;
  }
  template <class T> T* numbers() const { return static_cast<T*>(view.buf); }
};

// One step of many streams, on arrays that are checked here; false where one of them does not fit.
template <class T>
bool step_of(const Prepared<T>& p, nb::handle x, nb::handle h, nb::handle c, nb::handle out, nb::handle cn, int threads) {
  const Lent x_(x, false), h_(h, false), c_(c, false), out_(out, true), cn_(cn, true);
  const std::int64_t batch = x_.held && x_.view.ndim == 2 ? x_.view.shape[0] : 0;
  const bool lstm = p.cell == kLstm;
  if (!x_.is<T>(batch, p.features) || !h_.is<T>(batch, p.hidden) || !out_.is<T>(batch, p.hidden)) return false;
  if (lstm && (!c_.is<T>(batch, p.hidden) || !cn_.is<T>(batch, p.hidden))) return false;
  ForwardCall<T> call{};
  call.x = x_.numbers<T>();
  call.h0 = h_.numbers<T>();
  // A row's output after its only step is its last state: both go to one place.
  call.out = call.hn = out_.numbers<T>();
  call.out_stride = p.hidden;
  if (lstm) call.c0 = c_.numbers<T>(), call.cn = cn_.numbers<T>();
  call.prepared = &p;
  const Shape s{p.cell, kBatchFirst, batch, 1, p.features, p.hidden, nullptr, nullptr, false, threads};
  nb::gil_scoped_release free;
  forward<T>(s, call);
  return true;
}

// Weights packed once for many calls.
struct Handle {
  Prepared<float>* single = nullptr;
  Prepared<double>* wide = nullptr;
  Handle(bool is_wide, int cell, std::int64_t features, std::int64_t hidden, Address w_ih, Address w_hh, Address b_ih,
         Address b_hh) {
    if (is_wide) {
      wide = new Prepared<double>(cell, features, hidden, at<double>(w_ih), at<double>(w_hh), at<double>(b_ih), at<double>(b_hh));
    } else {
      single = new Prepared<float>(cell, features, hidden, at<float>(w_ih), at<float>(w_hh), at<float>(b_ih), at<float>(b_hh));
    }
  }
  ~Handle() {
    delete single;
    delete wide;
  }
  bool same(Address w_ih, Address w_hh, Address b_ih, Address b_hh) const {
    nb::gil_scoped_release free;
    return wide ? wide->same(at<double>(w_ih), at<double>(w_hh), at<double>(b_ih), at<double>(b_hh))
                : single->same(at<float>(w_ih), at<float>(w_hh), at<float>(b_ih), at<float>(b_hh));
  }
  bool step(nb::handle x, nb::handle h, nb::handle c, nb::handle out, nb::handle cn, int threads) const {
    return wide ? step_of(*wide, x, h, c, out, cn, threads) : step_of(*single, x, h, c, out, cn, threads);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
};

template <class T>
void run_forward(const Shape& s, const Prepared<T>* prepared, Address x, Address projected, Address w_ih, Address w_hh,
                 Address b_ih, Address b_hh, Address h0, Address c0, Address out, std::int64_t out_stride,
                 Address cells, Address saved, Address hn, Address cn) {
  forward<T>(s, {at<T>(x), at<T>(projected), at<T>(w_ih), at<T>(w_hh), at<T>(b_ih), at<T>(b_hh), at<T>(h0), at<T>(c0),
                 at<T>(out), out_stride, at<T>(cells), at<T>(saved), at<T>(hn), at<T>(cn), prepared});
}

void py_forward(bool wide, int cell, int kind, std::int64_t batch, std::int64_t steps, std::int64_t features,
                std::int64_t hidden, Address lengths, Address resets, bool reverse, int threads, const Handle* handle,
                Address x, Address projected, Address w_ih, Address w_hh, Address b_ih, Address b_hh, Address h0,
                Address c0, Address out, std::int64_t out_stride, Address cells, Address saved, Address hn,
                Address cn) {
  const Shape s = shape(cell, kind, batch, steps, features, hidden, lengths, resets, reverse, threads);
  nb::gil_scoped_release free;
  if (wide) {
    run_forward<double>(s, handle ? handle->wide : nullptr, x, projected, w_ih, w_hh, b_ih, b_hh, h0, c0, out,
                        out_stride, cells, saved, hn, cn);
  } else {
    run_forward<float>(s, handle ? handle->single : nullptr, x, projected, w_ih, w_hh, b_ih, b_hh, h0, c0, out,
                       out_stride, cells, saved, hn, cn);
  }
}

template <class T>
void run_backward(const Shape& s, Address x, Address w_ih, Address w_hh, Address h0, Address c0, Address out,
                  std::int64_t out_stride, Address cells, Address saved, Address dout, Address dcells, Address dhn,
                  Address dcn, Address grads, Address dx, Address dw_ih, Address dw_hh, Address db_ih, Address db_hh,
                  Address dh0, Address dc0) {
  backward<T>(s, {at<T>(x), at<T>(w_ih), at<T>(w_hh), at<T>(h0), at<T>(c0), at<T>(out), out_stride, at<T>(cells),
                  at<T>(saved), at<T>(dout), at<T>(dcells), at<T>(dhn), at<T>(dcn), at<T>(grads), at<T>(dx),
                  at<T>(dw_ih), at<T>(dw_hh), at<T>(db_ih), at<T>(db_hh), at<T>(dh0), at<T>(dc0)});
}

void py_backward(bool wide, int cell, int kind, std::int64_t batch, std::int64_t steps, std::int64_t features,
                 std::int64_t hidden, Address lengths, Address resets, bool reverse, int threads, Address x,
                 Address w_ih, Address w_hh, Address h0, Address c0, Address out, std::int64_t out_stride,
                 Address cells, Address saved, Address dout, Address dcells, Address dhn, Address dcn, Address grads,
                 Address dx, Address dw_ih, Address dw_hh, Address db_ih, Address db_hh, Address dh0, Address dc0) {
  const Shape s = shape(cell, kind, batch, steps, features, hidden, lengths, resets, reverse, threads);
  nb::gil_scoped_release free;
  if (wide) {
    run_backward<double>(s, x, w_ih, w_hh, h0, c0, out, out_stride, cells, saved, dout, dcells, dhn, dcn, grads, dx,
                         dw_ih, dw_hh, db_ih, db_hh, dh0, dc0);
  } else {
    run_backward<float>(s, x, w_ih, w_hh, h0, c0, out, out_stride, cells, saved, dout, dcells, dhn, dcn, grads, dx,
                        dw_ih, dw_hh, db_ih, db_hh, dh0, dc0);
  }
}

void py_curve(bool wide, int which, Address x, Address y, std::int64_t n) {
  nb::gil_scoped_release free;
  if (wide) {
    isa().wide->curve(which, at<double>(x), at<double>(y), static_cast<long>(n));
  } else {
    isa().single->curve(which, at<float>(x), at<float>(y), static_cast<long>(n));
  }
}

}  // namespace

NB_MODULE(_native, m) {
  const char* forced = std::getenv("RECURRA_ISA");
  if (forced && *forced && !use_isa(forced))
    throw std::runtime_error(std::string("RECURRA_ISA names an instruction set that cannot run here: ") + forced);
  m.def("forward", &py_forward, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg());
  m.def("backward", &py_backward);
  m.def("curve", &py_curve);
  m.def("isa", [] { return std::string(isa().name); });
  m.def("isas", [] {
    std::vector<std::string> names;
    for (const char* n : isas()) names.emplace_back(n);
    return names;
  });
  m.def("use_isa", [](const std::string& name) { return use_isa(name.c_str()); });
  nb::class_<Handle>(m, "Prepared")
      .def(nb::init<bool, int, std::int64_t, std::int64_t, Address, Address, Address, Address>())
      .def("same", &Handle::same)
      .def("step", &Handle::step, nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg().none(), nb::arg());
}
