// The Python face: addresses and sizes in, nothing checked here. gate.py is the only caller and checks all.
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
      .def(nb::init<bool, int, std::int64_t, std::int64_t, Address, Address, Address, Address>());
}
