// Layers on torch's tensors with autograd's node in C++: an extension of its own, since it needs torch's headers.
// Built on request and kept beside no package; see extension.py. The kernels come as a table of their calls.
#include <torch/csrc/Exceptions.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/python_variable.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/version.h>

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <c10/core/impl/TorchDispatchModeTLS.h>

#include <cstdlib>
#include <vector>

#include "../native/scan.h"

namespace {

using at::Tensor;
using recurra::BackwardCall;
using recurra::ForwardCall;
using recurra::Shape;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Maybe = std::optional<Tensor>;

const recurra::Calls* calls = nullptr;
PyObject* again = nullptr;          // native_path.again: gradients that can be differentiated again
std::int64_t onednn_from = 0;       // units from which on an LSTM's whole sequences are oneDNN's

void run(const Shape& s, const ForwardCall<float>& c) { calls->forward_single(s, c); }
void run(const Shape& s, const ForwardCall<double>& c) { calls->forward_wide(s, c); }
void run(const Shape& s, const BackwardCall<float>& c) { calls->backward_single(s, c); }
void run(const Shape& s, const BackwardCall<double>& c) { calls->backward_wide(s, c); }

template <class T> T* at_(const Tensor& t) { return t.defined() ? static_cast<T*>(t.data_ptr()) : nullptr; }
template <class T> T* at_(const Maybe& t) { return t ? at_<T>(*t) : nullptr; }

Tensor dense(const Tensor& t) { return t.is_neg() ? t.resolve_neg().contiguous() : t.contiguous(); }

// Whether something records or changes what torch's operations do, so that there are none to be left out.
bool watched() {
  return c10::impl::TorchDispatchModeTLS::any_modes_set() || torch::jit::tracer::isTracing() ||
         c10::impl::tls_is_dispatch_key_included(at::DispatchKey::FuncTorchDynamicLayerFrontMode) ||
         c10::impl::tls_is_dispatch_key_included(at::DispatchKey::Functionalize);
}

// Tensors whose numbers are at an address.
bool plain(const Tensor& t) {
  constexpr c10::DispatchKeySet wrapped({at::DispatchKey::Batched, at::DispatchKey::FuncTorchBatched, at::DispatchKey::Python,
                                         at::DispatchKey::FuncTorchGradWrapper, at::DispatchKey::Functionalize,
                                         at::DispatchKey::ZeroTensor});
  return t.is_cpu() && t.layout() == at::kStrided && !t.key_set().has_any(wrapped);
}

struct Call {
  int cell;
  bool reverse, flat;  // states are (B, H), else (B, 1, H)
  Shape shape(const Tensor& x, std::int64_t hidden) const {
    return {cell, recurra::kBatchFirst, x.size(0), x.size(1), x.size(2), hidden, nullptr, nullptr, reverse, at::get_num_threads()};
  }
};

// What may change before backward, as in torch: biases, which backward has no use for, and the output, which is found
// anew then. Writes to them are counted.
struct Kept : torch::CustomClassHolder {
  Call call;
  Tensor bias[2];
  c10::VariableVersion counter;  // of the output
  std::uint32_t versions[3];
  static std::uint32_t version(const Tensor& t) { return t.defined() && !t.is_inference() ? t._version() : 0; }
};

// What forward makes: output, last hidden, last cell; and what backward needs beside them.
struct Made {
  Tensor out, hn, cn, cells, saved;
};

template <class T> void fill(const Call& c, const Tensor& x, const Tensor& w_ih, const Tensor& w_hh, const Maybe& b_ih,
                             const Maybe& b_hh, const Maybe& h0, const Maybe& c0, const Made& m) {
  ForwardCall<T> call{};
  call.x = at_<T>(x), call.w_ih = at_<T>(w_ih), call.w_hh = at_<T>(w_hh), call.b_ih = at_<T>(b_ih), call.b_hh = at_<T>(b_hh);
  call.h0 = at_<T>(h0), call.c0 = at_<T>(c0);
  call.out = at_<T>(m.out), call.out_stride = w_hh.size(1), call.cells = at_<T>(m.cells), call.saved = at_<T>(m.saved);
  call.hn = at_<T>(m.hn), call.cn = at_<T>(m.cn);
  run(c.shape(x, w_hh.size(1)), call);
}

Made forward(const Call& c, const Tensor& x, const Tensor& w_ih, const Tensor& w_hh, const Maybe& b_ih, const Maybe& b_hh,
             const Maybe& h0, const Maybe& c0, bool save) {
  const std::int64_t B = x.size(0), T = x.size(1), H = w_hh.size(1);
  const auto make = [&](at::IntArrayRef size) { return at::empty(size, x.options()); };
  const bool lstm = c.cell == recurra::kLstm;
  const auto state = [&] { return c.flat ? make({B, H}) : make({B, 1, H}); };
  Made m{make({B, T, H}), state(), {}, {}, {}};
  if (lstm) m.cn = state();
  if (lstm && save) m.cells = make({B, T, H});
  if (save && recurra::saved_width(c.cell)) m.saved = make({B, T, 4 * H});
  if (x.scalar_type() == at::kFloat) fill<float>(c, x, w_ih, w_hh, b_ih, b_hh, h0, c0, m);
  if (x.scalar_type() == at::kDouble) fill<double>(c, x, w_ih, w_hh, b_ih, b_hh, h0, c0, m);
  return m;
}

PyObject* wrapped(const Tensor& t) {
  if (t.defined()) return THPVariable_Wrap(t);
  Py_RETURN_NONE;
}

template <class Each> PyObject* tuple_of(std::size_t n, Each each) {
  PyObject* made = PyTuple_New(static_cast<Py_ssize_t>(n));
  for (std::size_t i = 0; made && i < n; ++i) PyTuple_SET_ITEM(made, static_cast<Py_ssize_t>(i), each(i));
  return made;
}

// The oracle's gradients: slower, and with a graph of their own.
variable_list by_loop(const Call& c, const variable_list& sources, const variable_list& slopes, const std::vector<bool>& needs) {
  pybind11::gil_scoped_acquire gil;
  PyObject* found = PyObject_CallFunction(
      again, "iNNNNN", c.cell, PyBool_FromLong(c.reverse), PyBool_FromLong(c.flat), tuple_of(sources.size(), [&](auto i) { return wrapped(sources[i]); }),
      tuple_of(slopes.size(), [&](auto i) { return wrapped(slopes[i]); }),
      tuple_of(needs.size(), [&](auto i) { return PyBool_FromLong(needs[i]); }));
  if (!found) throw python_error();
  variable_list gradients(sources.size());
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    PyObject* one = PyList_GetItem(found, static_cast<Py_ssize_t>(i));
    if (one && one != Py_None) gradients[i] = THPVariable_Unpack(one);
  }
  Py_DECREF(found);
  return gradients;
}

template <class T>
void pull(const Call& c, const variable_list& s, const Tensor& out, const Tensor& cells, const Tensor& saved,
          const variable_list& slopes, const Tensor& grads, const variable_list& d) {
  BackwardCall<T> call{};
  call.x = at_<T>(s[0]), call.w_ih = at_<T>(s[1]), call.w_hh = at_<T>(s[2]), call.h0 = at_<T>(s[5]), call.c0 = at_<T>(s[6]);
  call.out = at_<T>(out), call.out_stride = s[2].size(1), call.cells = at_<T>(cells), call.saved = at_<T>(saved);
  call.dout = at_<T>(slopes[0]), call.dhn = at_<T>(slopes[1]), call.dcn = at_<T>(slopes[2]), call.grads = at_<T>(grads);
  call.dx = at_<T>(d[0]), call.dw_ih = at_<T>(d[1]), call.dw_hh = at_<T>(d[2]), call.db_ih = at_<T>(d[3]), call.db_hh = at_<T>(d[4]);
  call.dh0 = at_<T>(d[5]), call.dc0 = at_<T>(d[6]);
  run(c.shape(s[0], s[2].size(1)), call);
}

// One layer and direction.
struct Layer : torch::autograd::Function<Layer> {
  static constexpr std::size_t kSources = 7;

  static variable_list forward(AutogradContext* ctx, const Tensor& x, const Tensor& w_ih, const Tensor& w_hh,
                               const Maybe& b_ih, const Maybe& b_hh, const Maybe& h0, const Maybe& c0, Call call) {
    const Made m = ::forward(call, x, w_ih, w_hh, b_ih, b_hh, h0, c0, true);
    const auto given = [](const Maybe& t) { return t ? *t : Tensor(); };
    ctx->set_materialize_grads(false);
    ctx->save_for_backward({x, w_ih, w_hh, given(h0), given(c0), m.out.variable_data(), m.cells, m.saved});
    auto kept = c10::make_intrusive<Kept>();
    kept->call = call;
    kept->bias[0] = given(b_ih), kept->bias[1] = given(b_hh);
    kept->counter = torch::autograd::impl::version_counter(m.out);
    kept->versions[0] = kept->counter.current_version();
    for (int i = 0; i < 2; ++i) kept->versions[1 + i] = Kept::version(kept->bias[i]);
    ctx->saved_data["kept"] = c10::IValue::make_capsule(std::move(kept));
    if (m.cn.defined()) return {m.out, m.hn, m.cn};
    return {m.out, m.hn};
  }

  static variable_list backward(AutogradContext* ctx, variable_list slopes) {
    const variable_list v = ctx->get_saved_variables();
    const auto holder = ctx->saved_data["kept"].toCapsule();
    const Kept& kept = static_cast<const Kept&>(*holder);
    const Call& call = kept.call;
    const variable_list sources{v[0], v[1], v[2], kept.bias[0], kept.bias[1], v[3], v[4]};
    Tensor out = v[5];
    const Tensor &cells = v[6], &saved = v[7];
    std::vector<bool> needs;
    std::size_t edge = 0;  // those not given have none
    for (const Tensor& t : sources) needs.push_back(t.defined() && ctx->needs_input_grad(edge++));
    slopes.resize(3);
    bool odd = at::GradMode::is_enabled() || watched();
    for (const Tensor& t : slopes) odd = odd || (t.defined() && !plain(t));
    const bool written = kept.counter.current_version() != kept.versions[0];
    bool biased = false;
    for (int i = 0; i < 2; ++i) biased = biased || Kept::version(kept.bias[i]) != kept.versions[1 + i];
    TORCH_CHECK(!biased || !(odd || written),
                "one of the variables needed for gradient computation has been modified by an inplace operation: a bias "
                "of a recurrent layer");
    variable_list found(kSources);
    if (odd) {
      found = by_loop(call, sources, slopes, needs);
    } else {
      const auto maybe = [](const Tensor& t) { return t.defined() ? Maybe(t) : Maybe(); };
      if (written)
        out = ::forward(call, sources[0], sources[1], sources[2], maybe(sources[3]), maybe(sources[4]), maybe(sources[5]),
                        maybe(sources[6]), false).out;
      for (Tensor& t : slopes)
        if (t.defined()) t = dense(t);
      for (std::size_t i = 0; i < kSources; ++i)
        if (needs[i]) found[i] = at::empty(sources[i].sizes(), sources[i].options());
      const std::int64_t H = sources[2].size(1), width = recurra::grads_width(call.cell) * H;
      // Small ones live in the kernels' own scratch; large ones are torch's to count and to free.
      Tensor grads;
      if (out.numel() * width > H << 21) grads = at::empty({out.size(0), out.size(1), width}, out.options());
      if (out.scalar_type() == at::kFloat) pull<float>(call, sources, out, cells, saved, slopes, grads, found);
      if (out.scalar_type() == at::kDouble) pull<double>(call, sources, out, cells, saved, slopes, grads, found);
    }
    found.resize(kSources + 1);  // `call` has no gradient
    return found;
  }
};

// A tensor as the kernels read it, of this type; nothing where it is of another kind.
const Tensor* read(PyObject* object, at::ScalarType type) {
  if (!THPVariable_CheckExact(object)) return nullptr;
  const Tensor& t = THPVariable_Unpack(object);
  return plain(t) && t.scalar_type() == type && !t._fw_grad(0).defined() ? &t : nullptr;
}

bool sized(const Tensor& t, at::IntArrayRef size) { return t.sizes() == size; }

// layers(cell, directions, parameters, names, x, h, c): output, last hidden and last cell state, (B, L*D, H) each, or
// None where something does not fit or asks for another way: Python says what, or does it.
PyObject* layers(PyObject*, PyObject* const* given, Py_ssize_t count) {
  HANDLE_TH_ERRORS
  TORCH_CHECK(count == 7, "layers: 7 arguments");
  const int cell = static_cast<int>(PyLong_AsLong(given[0])), directions = static_cast<int>(PyLong_AsLong(given[1]));
  PyObject *parameters = given[2], *names = given[3];
  const char* path = std::getenv("RECURRA_PATH");
  if ((path && *path) || watched() || at::autocast::is_autocast_enabled(at::kCPU)) Py_RETURN_NONE;
  if (!THPVariable_CheckExact(given[4])) Py_RETURN_NONE;
  const at::ScalarType type = THPVariable_Unpack(given[4]).scalar_type();
  const Tensor* x = read(given[4], type);
  if (!x || x->dim() != 3 || (type != at::kFloat && type != at::kDouble)) Py_RETURN_NONE;
  const std::int64_t B = x->size(0), T = x->size(1), G = recurra::gates(cell);
  const Py_ssize_t K = PyTuple_GET_SIZE(names);
  if (!B || !T) Py_RETURN_NONE;
  std::vector<Maybe> weights(4 * K);
  std::int64_t H = 0, features = x->size(2);
  bool learns = at::GradMode::is_enabled();
  bool wanted = x->requires_grad();
  for (Py_ssize_t k = 0; k < K; ++k) {
    PyObject* each = PyTuple_GET_ITEM(names, k);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(each); ++i) {
      PyObject* object = PyDict_GetItemWithError(parameters, PyTuple_GET_ITEM(each, i));
      const Tensor* t = object ? read(object, type) : nullptr;
      if (!t) Py_RETURN_NONE;
      if (!H && i == 0) H = t->size(0) / G;
      const std::int64_t rows = G * H;
      if (i < 2 ? !sized(*t, {rows, i ? H : features}) : !sized(*t, {rows})) Py_RETURN_NONE;
      wanted = wanted || t->requires_grad();
      weights[4 * k + i] = *t;
    }
    if ((k + 1) % directions == 0) features = directions * H;
  }
  if (cell == recurra::kLstm && H >= onednn_from && T > 1) Py_RETURN_NONE;
  Maybe state[2];
  for (int i = 0; i < 2; ++i) {
    if (given[5 + i] == Py_None) continue;
    const Tensor* t = read(given[5 + i], type);
    if (!t || !sized(*t, {B, K, H})) Py_RETURN_NONE;
    wanted = wanted || t->requires_grad();
    state[i] = *t;
  }
  learns = learns && wanted;
  if (T == 1 && !learns) Py_RETURN_NONE;  // weights are packed once for streams
  Tensor top = *x, hidden, memory;
  {
    pybind11::gil_scoped_release free;
    std::vector<Tensor> hs, cs, ways;
    for (auto& w : weights)
      if (w) w = dense(*w);
    for (Py_ssize_t k = 0; k < K; ++k) {
      if (k % directions == 0) ways.clear(), top = dense(top);
      Maybe first[2];
      for (int i = 0; i < 2; ++i)
        if (state[i]) first[i] = dense(K == 1 ? *state[i] : state[i]->narrow(1, k, 1));
      const Call call{cell, k % directions == 1, false};
      const Maybe* w = &weights[4 * k];
      if (learns) {
        const variable_list made = Layer::apply(top, *w[0], *w[1], w[2], w[3], first[0], first[1], call);
        ways.push_back(made[0]), hs.push_back(made[1]);
        if (made.size() > 2) cs.push_back(made[2]);
      } else {
        const Made made = forward(call, top, *w[0], *w[1], w[2], w[3], first[0], first[1], false);
        ways.push_back(made.out), hs.push_back(made.hn);
        if (made.cn.defined()) cs.push_back(made.cn);
      }
      if ((k + 1) % directions == 0) top = directions == 1 ? ways[0] : at::cat(ways, -1);
    }
    hidden = K == 1 ? hs[0] : at::cat(hs, 1);
    if (!cs.empty()) memory = K == 1 ? cs[0] : at::cat(cs, 1);
  }
  return Py_BuildValue("NNN", wrapped(top), wrapped(hidden), wrapped(memory));
  END_HANDLE_TH_ERRORS
}

// layer(cell, reverse, x, w_ih, w_hh, b_ih, b_hh, h0, c0): output, last hidden and last cell state (B, H), of one layer
// and direction; all is checked, and dense.
PyObject* layer(PyObject*, PyObject* const* given, Py_ssize_t count) {
  HANDLE_TH_ERRORS
  TORCH_CHECK(count == 9, "layer: 9 arguments");
  const Call call{static_cast<int>(PyLong_AsLong(given[0])), given[1] == Py_True, true};
  Maybe t[7];
  for (int i = 0; i < 7; ++i)
    if (given[2 + i] != Py_None) t[i] = THPVariable_Unpack(given[2 + i]);
  variable_list made;
  {
    pybind11::gil_scoped_release free;
    made = Layer::apply(*t[0], *t[1], *t[2], t[3], t[4], t[5], t[6], call);
  }
  return Py_BuildValue("NNN", wrapped(made[0]), wrapped(made[1]), wrapped(made.size() > 2 ? made[2] : Tensor()));
  END_HANDLE_TH_ERRORS
}

// begin(calls, again, onednn_from), once.
PyObject* begin(PyObject*, PyObject* given) {
  PyObject* table = nullptr;
  long long from = 0;
  if (!PyArg_ParseTuple(given, "OOL", &table, &again, &from)) return nullptr;
  auto* found = static_cast<const recurra::Calls*>(PyCapsule_GetPointer(table, "recurra.calls"));
  if (!found) return nullptr;
  if (!(found->sizes == recurra::Calls::Sizes())) {
    PyErr_SetString(PyExc_ImportError, "it was built for other kernels");
    return nullptr;
  }
  calls = found, onednn_from = from;
  Py_INCREF(again), Py_INCREF(table);
  Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"layers", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&layers)), METH_FASTCALL, nullptr},
    {"layer", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&layer)), METH_FASTCALL, nullptr},
    {"begin", &begin, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};
PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_node", nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__node() {
  PyObject* module = PyModule_Create(&definition);
  if (module) PyModule_AddStringConstant(module, "torch", TORCH_VERSION);
  return module;
}
