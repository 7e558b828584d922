// The Python face. Tensors, addresses and sizes come checked by the callers (core/native_path.py,
// labs/training/vjp.py); arrays are checked here, where that takes no time, and a call whose arrays do not fit returns
// false: arrays.py says why.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdlib>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "fold.h"
#include "inference.h"
#include "layers.h"
#include "scan.h"
#include "stack.h"
#include "training.h"

namespace nb = nanobind;
using namespace recurra;

namespace {

using Address = std::uintptr_t;  // 0: not given

template <class T> T* at(Address a) { return reinterpret_cast<T*>(a); }

// An array as Python lends it out; nothing where it is not contiguous, or of no plain numbers.
struct Lent {
  Py_buffer view;
  bool none, held;
  explicit Lent(nb::handle array, bool writable = false) : none(array.is_none()) {
    const int wanted = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
    held = !none && PyObject_GetBuffer(array.ptr(), &view, wanted) == 0;
    if (!held) PyErr_Clear();
  }
  ~Lent() {
    if (held) PyBuffer_Release(&view);
  }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  // Of this type and shape; -1: any size.
  template <class T> bool is(std::initializer_list<std::int64_t> shape) const {
    if (!held || view.ndim != static_cast<int>(shape.size()) || !plain<T>()) return false;
    const Py_ssize_t* size = view.shape;
    for (std::int64_t wanted : shape)
      if (const std::int64_t n = *size++; wanted >= 0 && n != wanted) return false;
    return reinterpret_cast<Address>(view.buf) % sizeof(T) == 0;
  }
  template <class T> bool is_or_none(std::initializer_list<std::int64_t> shape) const { return none || is<T>(shape); }
  // Row numbers, all below a number of rows.
  bool numbers_below(std::int64_t count, std::int64_t below) const {
    if (!is<std::int64_t>({count})) return false;
    for (std::int64_t i = 0; i < size(0); ++i)
      if (at<std::int64_t>()[i] < 0 || at<std::int64_t>()[i] >= below) return false;
    return true;
  }
  std::int64_t size(int axis) const { return held && axis < view.ndim ? view.shape[axis] : 0; }
  template <class T> T* at() const { return held ? static_cast<T*>(view.buf) : nullptr; }

 private:
  template <class T> bool plain() const {
    const char* f = view.format;
    if (!f || !f[0] || f[1]) return false;
    if (std::is_same_v<T, float>) return f[0] == 'f';
    if (std::is_same_v<T, double>) return f[0] == 'd';
    if (std::is_same_v<T, bool>) return f[0] == '?';
    return (f[0] == 'l' || f[0] == 'q') && view.itemsize == 8;
  }
};

// What a layer reads: rows of x, or of what `project` has made of them, in order or by number.
struct Inputs {
  Lent x, projected, rows;
  Inputs(nb::handle x_, nb::handle projected_, nb::handle rows_) : x(x_), projected(projected_), rows(rows_) {}
  // Rows for so many streams, or any number.
  template <class T> bool fit(const Prepared<T>& p, std::int64_t batch) const {
    const std::int64_t all = rows.none ? batch : -1;
    if (!(x.none ? projected.is<T>({all, gates(p.cell) * p.hidden}) : projected.none && x.is<T>({all, p.features})))
      return false;
    return rows.is_or_none<std::int64_t>({batch});
  }
  template <class T> void give(ForwardCall<T>& call) const {
    call.x = x.at<T>(), call.projected = projected.at<T>();
    call.x_rows = rows.at<std::int64_t>(), call.table = x.none ? projected.size(0) : x.size(0);
  }
};

// Calls that throw for row numbers which do not fit are refused.
template <class T> bool ran(const Shape& s, const ForwardCall<T>& call) {
  nb::gil_scoped_release free;
  try {
    forward<T>(s, call);
  } catch (const std::invalid_argument&) {
    return false;
  }
  return true;
}

// One step of many streams; false where an array does not fit.
template <class T>
bool step_of(const Prepared<T>& p, const Inputs& in, const Lent& h, const Lent& c, const Lent& out, const Lent& cn, int threads) {
  const std::int64_t batch = h.size(0), H = p.hidden;
  const bool lstm = p.cell == kLstm;
  if (!in.fit(p, batch) || !h.is<T>({batch, H}) || !out.is<T>({batch, H})) return false;
  if (lstm && (!c.is<T>({batch, H}) || !cn.is<T>({batch, H}))) return false;
  ForwardCall<T> call{};
  in.give(call);
  call.h0 = h.at<T>();
  // A row's output after its only step is its last state: both go to one place.
  call.out = call.hn = out.at<T>();
  call.out_stride = H;
  if (lstm) call.c0 = c.at<T>(), call.cn = cn.at<T>();
  call.prepared = &p;
  return ran<T>({p.cell, kBatchFirst, batch, 1, p.features, H, nullptr, nullptr, false, threads}, call);
}

// The same in place, of the rows named.
template <class T>
bool advance_of(const Prepared<T>& p, const Inputs& in, const Lent& h, const Lent& c, const Lent& rows, int threads) {
  const std::int64_t streams = h.size(0), batch = rows.none ? streams : rows.size(0), H = p.hidden;
  const bool lstm = p.cell == kLstm;
  if (!in.fit(p, batch) || !h.is<T>({streams, H}) || !rows.is_or_none<std::int64_t>({batch})) return false;
  if (lstm && !c.is<T>({streams, H})) return false;
  ForwardCall<T> call{};
  in.give(call);
  call.h0 = call.out = call.hn = h.at<T>();
  call.out_stride = H;
  if (lstm) call.c0 = call.cn = c.at<T>();
  call.prepared = &p;
  call.rows = rows.at<std::int64_t>(), call.streams = streams;
  return ran<T>({p.cell, kBatchFirst, batch, 1, p.features, H, nullptr, nullptr, false, threads}, call);
}

template <class T>
void run_of(const Prepared<T>& p, const Inputs& in, const Lent& h0, const Lent& c0, const Lent& lengths, bool ragged,
            bool reverse, const Lent& resets, const Lent& out, const Lent& cells, const Lent& hn, const Lent& cn,
            int threads) {
  ForwardCall<T> call{};
  in.give(call);
  call.h0 = h0.at<T>(), call.c0 = c0.at<T>();
  call.out = out.at<T>(), call.out_stride = p.hidden, call.cells = cells.at<T>();
  call.hn = hn.at<T>(), call.cn = cn.at<T>();
  call.prepared = &p;
  const Shape s{p.cell, ragged ? kRagged : kBatchFirst, hn.size(0), out.size(ragged ? 0 : 1), p.features, p.hidden,
                lengths.at<std::int64_t>(), resets.at<std::uint8_t>(), reverse, threads};
  nb::gil_scoped_release free;
  forward<T>(s, call);
}

template <class T> bool project_of(const Prepared<T>& p, const Lent& table, const Lent& out, int threads) {
  const std::int64_t rows = table.size(0), wide = gates(p.cell) * p.hidden;
  if (!table.is<T>({rows, p.features}) || !out.is<T>({rows, wide})) return false;
  nb::gil_scoped_release free;
  multiply<T>(*p.isa, {table.at<T>(), nullptr, rows}, static_cast<int>(p.features), p.input, static_cast<int>(wide),
              p.input_bias, out.at<T>(), threads);
  return true;
}

// Weights packed once for many calls.
struct Handle {
  Prepared<float>* single = nullptr;
  Prepared<double>* wide = nullptr;
  Handle(bool is_wide, int cell, std::int64_t features, std::int64_t hidden, Address w_ih, Address w_hh, Address b_ih,
         Address b_hh, Kept kept) {
    if (is_wide) {
      wide = new Prepared<double>(cell, features, hidden, at<double>(w_ih), at<double>(w_hh), at<double>(b_ih), at<double>(b_hh));
    } else {
      single = new Prepared<float>(cell, features, hidden, at<float>(w_ih), at<float>(w_hh), at<float>(b_ih), at<float>(b_hh), kept);
    }
  }
  // From arrays that arrays.py has checked.
  static Handle* of(int cell, nb::handle w_ih, nb::handle w_hh, nb::handle b_ih, nb::handle b_hh, int kept) {
    const Lent wi(w_ih), wh(w_hh), bi(b_ih), bh(b_hh);
    const auto address = [](const Lent& array) { return reinterpret_cast<Address>(array.at<char>()); };
    return new Handle(wh.held && wh.view.itemsize == 8, cell, wi.size(1), wh.size(1), address(wi), address(wh), address(bi),
                      address(bh), static_cast<Kept>(kept));
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
  bool project(nb::handle table, nb::handle out, int threads) const {
    const Lent table_(table), out_(out, true);
    return wide ? project_of(*wide, table_, out_, threads) : project_of(*single, table_, out_, threads);
  }
  bool step(nb::handle x, nb::handle projected, nb::handle x_rows, nb::handle h, nb::handle c, nb::handle out,
            nb::handle cn, int threads) const {
    const Inputs in(x, projected, x_rows);
    const Lent h_(h), c_(c), out_(out, true), cn_(cn, true);
    return wide ? step_of(*wide, in, h_, c_, out_, cn_, threads) : step_of(*single, in, h_, c_, out_, cn_, threads);
  }
  bool advance(nb::handle x, nb::handle projected, nb::handle x_rows, nb::handle h, nb::handle c, nb::handle rows,
               int threads) const {
    const Inputs in(x, projected, x_rows);
    const Lent h_(h, true), c_(c, true), rows_(rows);
    return wide ? advance_of(*wide, in, h_, c_, rows_, threads) : advance_of(*single, in, h_, c_, rows_, threads);
  }
  void run(nb::handle x, nb::handle projected, nb::handle x_rows, nb::handle h0, nb::handle c0, nb::handle lengths,
           bool ragged, bool reverse, nb::handle resets, nb::handle out, nb::handle cells, nb::handle hn, nb::handle cn,
           int threads) const {
    const Inputs in(x, projected, x_rows);
    const Lent h0_(h0), c0_(c0), lengths_(lengths), resets_(resets), out_(out, true), cells_(cells, true), hn_(hn, true), cn_(cn, true);
    if (wide) run_of(*wide, in, h0_, c0_, lengths_, ragged, reverse, resets_, out_, cells_, hn_, cn_, threads);
    if (single) run_of(*single, in, h0_, c0_, lengths_, ragged, reverse, resets_, out_, cells_, hn_, cn_, threads);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
};

// Rows of x for a Linear, by number or in order; `fit` says how many.
struct Asked {
  Lent x, rows;
  Asked(nb::handle x_, nb::handle rows_) : x(x_), rows(rows_) {}
  std::int64_t count() const { return rows.none ? x.size(0) : rows.size(0); }
  bool fit(const Linear& l) const {
    return x.is<float>({-1, l.inputs}) && (rows.none || rows.numbers_below(-1, x.size(0)));
  }
  Gathered<float> gathered() const { return {x.at<float>(), rows.at<std::int64_t>(), count()}; }
};

// From arrays that arrays.py has checked.
Linear* linear_of(nb::handle weight, nb::handle bias, int kept) {
  const Lent weight_(weight), bias_(bias);
  return new Linear(weight_.at<float>(), bias_.at<float>(), static_cast<int>(weight_.size(0)),
                    static_cast<int>(weight_.size(1)), static_cast<Kept>(kept));
}

bool linear_product(const Linear& l, nb::handle x, nb::handle rows, nb::handle out, int threads) {
  const Asked asked(x, rows);
  const Lent out_(out, true);
  if (!asked.fit(l) || !out_.is<float>({asked.count(), l.outputs})) return false;
  nb::gil_scoped_release free;
  multiply<float>(*l.isa, asked.gathered(), l.inputs, l.weights, l.outputs, l.bias, out_.at<float>(), threads);
  return true;
}

bool linear_top(const Linear& l, nb::handle x, nb::handle rows, nb::handle excluded, nb::handle values, nb::handle ids,
                nb::handle log_sum_exp, int threads) {
  const Asked asked(x, rows);
  const Lent excluded_(excluded), values_(values, true), ids_(ids, true), total(log_sum_exp, true);
  const std::int64_t n = asked.count(), k = values_.size(1);
  if (!asked.fit(l) || !excluded_.numbers_below(-1, l.outputs) || k < 1 || !values_.is<float>({n, k}) ||
      !ids_.is<std::int64_t>({n, k}) || !total.is<double>({n}))
    return false;
  nb::gil_scoped_release free;
  logits_of(l, asked.gathered(),
            {static_cast<int>(k), excluded_.at<std::int64_t>(), excluded_.size(0), values_.at<float>(),
             ids_.at<std::int64_t>(), total.at<double>(), nullptr, nullptr},
            threads);
  return true;
}

bool linear_log_likelihood(const Linear& l, nb::handle x, nb::handle rows, nb::handle targets, nb::handle out, int threads) {
  const Asked asked(x, rows);
  const Lent targets_(targets), out_(out, true);
  const std::int64_t n = asked.count();
  if (!asked.fit(l) || !targets_.is<std::int64_t>({n}) || !out_.is<double>({n})) return false;
  for (std::int64_t i = 0; i < n; ++i)
    if (targets_.at<std::int64_t>()[i] >= l.outputs) return false;
  nb::gil_scoped_release free;
  logits_of(l, asked.gathered(),
            {0, nullptr, 0, nullptr, nullptr, nullptr, targets_.at<std::int64_t>(), out_.at<double>()}, threads);
  return true;
}

// From addresses of what stack.py has checked, and keeps.
Stack* stack_of(const std::vector<const Handle*>& layers, const Linear* head, Address x, Address projected,
                const std::vector<Address>& h, const std::vector<Address>& c, Address logits) {
  auto* stack = new Stack{{}, head, at<float>(x), at<float>(projected), {}, {}, at<float>(logits)};
  for (std::size_t l = 0; l < layers.size(); ++l) {
    stack->layers.push_back(layers[l]->single);
    stack->h.push_back(at<float>(h[l])), stack->c.push_back(at<float>(c[l]));
  }
  return stack;
}

bool stack_write(Stack& stack, nb::handle uniform, nb::handle excluded, double divisor, nb::handle tokens, int threads) {
  const Lent uniform_(uniform), excluded_(excluded), tokens_(tokens, true);
  const std::int64_t count = uniform_.size(0);
  if (!uniform_.is<double>({count}) || !excluded_.numbers_below(-1, stack.head->outputs) || !tokens_.is<std::int64_t>({count}))
    return false;
  nb::gil_scoped_release free;
  stack.write(count, uniform_.at<double>(), excluded_.at<std::int64_t>(), excluded_.size(0), divisor,
              tokens_.at<std::int64_t>(), threads);
  return true;
}

bool py_attend(nb::handle query, nb::handle keys, nb::handle scores, nb::handle values, nb::handle lengths,
               nb::handle owners, float scale, nb::handle context, nb::handle weights, int threads) {
  const Lent query_(query), keys_(keys), scores_(scores), values_(values), lengths_(lengths), owners_(owners),
      context_(context, true), weights_(weights, true);
  const std::int64_t B = values_.size(0), S = values_.size(1), E = values_.size(2), D = keys_.size(2);
  const std::int64_t R = scores_.none ? query_.size(0) : scores_.size(0);
  const bool reads = scores_.none ? query_.is<float>({R, D}) && keys_.is<float>({B, S, D}) : scores_.is<float>({R, S});
  if (!reads || !values_.is<float>({B, S, E}) || !lengths_.numbers_below(B, S + 1) || !context_.is<float>({R, E}) ||
      !weights_.is<float>({R, S}) || !(owners_.none ? R == B : owners_.numbers_below(R, B)))
    return false;
  nb::gil_scoped_release free;
  attend({S, D, E, query_.at<float>(), keys_.at<float>(), scores_.at<float>(), values_.at<float>(),
          lengths_.at<std::int64_t>(), owners_.at<std::int64_t>(), scale, context_.at<float>(), weights_.at<float>()},
         R, threads);
  return true;
}

void py_forward(const Problem& p, const Tensors& t, const Handle* handle) {
  nb::gil_scoped_release free;
  if (p.wide) {
    forward_of<double>(p, t, handle ? handle->wide : nullptr);
  } else {
    forward_of<float>(p, t, handle ? handle->single : nullptr);
  }
}

void py_backward(const Problem& p, const Tensors& t, const Gradients& g) {
  nb::gil_scoped_release free;
  if (p.wide) {
    backward_of<double>(p, t, g);
  } else {
    backward_of<float>(p, t, g);
  }
}

template <class T>
void layers_of(int cell, int directions, nb::handle levels, std::int64_t batch, std::int64_t steps, std::int64_t features,
               std::int64_t hidden, const Pointer (&t)[6], Prepared<T>* Handle::*member, int threads) {
  Layers<T> call{cell, directions, threads, batch, steps, features, hidden, {},
                 t[0].as<T>(), t[1].as<T>(), t[2].as<T>(), t[3].as<T>(), t[4].as<T>(), t[5].as<T>()};
  for (nb::handle level : levels) {
    const Handle* kept = nullptr;
    Level<T> one{};
    if (nb::try_cast(level, kept)) {
      one.prepared = kept->*member;
    } else {
      const T** to[] = {&one.w_ih, &one.w_hh, &one.b_ih, &one.b_hh};
      for (int i = 0; i < 4; ++i) *to[i] = nb::cast<Pointer>(level[i]).template as<T>();
    }
    call.levels.push_back(one);
  }
  nb::gil_scoped_release free;
  call.run();
}

// Of tensors that core/whole.py has checked: levels are of Prepared, or four tensors each.
void py_layers(bool wide, int cell, int directions, nb::handle levels, std::int64_t batch, std::int64_t steps,
               std::int64_t features, std::int64_t hidden, Pointer x, Pointer h, Pointer c, Pointer out, Pointer hn,
               Pointer cn, int threads) {
  const Pointer tensors[] = {x, h, c, out, hn, cn};
  if (wide) {
    layers_of<double>(cell, directions, levels, batch, steps, features, hidden, tensors, &Handle::wide, threads);
  } else {
    layers_of<float>(cell, directions, levels, batch, steps, features, hidden, tensors, &Handle::single, threads);
  }
}

void py_fold(Address values, std::int64_t stride, Address ids, Address lengths, std::int64_t rows, std::int64_t width,
             Address out, bool greatest, int threads) {
  nb::gil_scoped_release free;
  fold({at<const float>(values), stride, at<const std::int64_t>(ids), at<const std::int64_t>(lengths), rows, width,
        at<float>(out)},
       greatest, threads);
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
  // What a graph still holds as the interpreter ends is no fault of whoever holds it.
  nb::set_leak_warnings(false);
  const char* forced = std::getenv("RECURRA_ISA");
  if (forced && *forced && !use_isa(forced))
    throw std::runtime_error(std::string("RECURRA_ISA names an instruction set that cannot run here: ") + forced);
  const auto none = nb::arg().none();
  m.def("curve", &py_curve);
  m.def("isa", [] { return std::string(isa().name); });
  m.def("bfloat", [] { return isa().bfloat != nullptr; });
  m.def("isas", [] {
    std::vector<std::string> names;
    for (const char* n : isas()) names.emplace_back(n);
    return names;
  });
  m.def("use_isa", [](const std::string& name) { return use_isa(name.c_str()); });
  describe_training(m);
  static const Calls calls{{}, &forward<float>, &forward<double>, &backward<float>, &backward<double>};
  m.attr("calls") = nb::capsule(&calls, "recurra.calls");
  nb::class_<Handle>(m, "Prepared")
      // Both by __new__: it is asked first, and would refuse what an __init__ beside it takes.
      .def(nb::new_([](bool wide, int cell, std::int64_t features, std::int64_t hidden, Address w_ih, Address w_hh,
                       Address b_ih, Address b_hh) {
        return new Handle(wide, cell, features, hidden, w_ih, w_hh, b_ih, b_hh, Kept::kWhole);
      }))
      .def(nb::new_(&Handle::of), nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg().none(), nb::arg())
      .def("same", &Handle::same)
      .def("project", &Handle::project)
      .def("step", &Handle::step, none, none, none, none, none, none, none, nb::arg())
      .def("advance", &Handle::advance, none, none, none, none, none, none, nb::arg())
      .def("run", &Handle::run, none, none, none, none, none, none, nb::arg(), nb::arg(), none, nb::arg(), none,
           nb::arg(), none, nb::arg());
  nb::class_<Linear>(m, "Linear")
      .def(nb::new_(&linear_of), nb::arg(), none, nb::arg())
      .def("product", &linear_product, none, none, none, nb::arg())
      .def("top", &linear_top, none, none, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg())
      .def("log_likelihood", &linear_log_likelihood, none, none, none, nb::arg(), nb::arg());
  nb::class_<Stack>(m, "Stack").def(nb::new_(&stack_of)).def("write", &stack_write);
  m.def("forward", &py_forward, nb::arg(), nb::arg(), none);
  m.def("backward", &py_backward);
  m.def("layers", &py_layers, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
        none, none, none, none, none, none, nb::arg());
  m.def("fold", &py_fold);
  m.def("attend", &py_attend, none, none, none, none, none, none, nb::arg(), nb::arg(), nb::arg(), nb::arg());
}
