/**
 * Services for the stock module of the package `quickjs-wasi`: JavaScript inside the guest, one call at a time.
 *
 *   guest.call("evaluate", [source])    evaluates a script, runs the jobs it queued, answers its value as a string
 *
 * The module offers QuickJS as a C interface: whoever calls it allocates strings in guest memory, passes pointers, and frees
 * what it was given. All of that happens here, beside the guest. Nothing is kept on this side between calls: the engine and
 * everything that scripts define live in guest memory alone, so other services could go on with the same guest.
 *
 * Guest memory is shared, and text is never encoded or decoded in place there, because browsers refuse that.
 */

/** Half of the stack that the module reserves for itself, as its package advises: deep recursion throws and does not trap. */
const STACK_BYTES_MAX = 512 * 1024;

/** What the module wants to know from its host. Scripts get no host functions, no modules to import, and live in UTC. */
function imports(guest) {
  return {
    host_call: () => 0,
    host_interrupt: () => 0,
    host_module_load: () => 0,
    host_module_normalize: () => 0,
    host_get_timezone_offset: () => 0,
    // Both values have been handed over for good.
    host_promise_rejection: (promise, reason) => {
      guest.exports.qjs_free_value(promise);
      guest.exports.qjs_free_value(reason);
    },
  };
}

/** @type {import("stillpoint").Attach} */
export default function attach(host) {
  /** Copies text into guest memory, with the NUL that C expects behind it. The caller frees it. */
  const allocate = (text) => {
    const data = new TextEncoder().encode(`${text}\0`);
    const ptr = host.exports.wasm_malloc(data.length) >>> 0;
    if (ptr === 0) throw new Error("the guest is out of memory");
    new Uint8Array(host.memory.buffer).set(data, ptr);
    host.mark({ ptr, bytes: data.length });
    return { ptr, bytes: data.length - 1 };
  };

  /** The text of a value, as String(value) in the guest would give it. */
  const textOf = (value) => {
    const guest = host.exports;
    const length = allocate("\0\0\0");
    const ptr = guest.qjs_get_string_len(value, length.ptr) >>> 0;
    const bytes = new DataView(host.memory.buffer).getUint32(length.ptr, true);
    guest.wasm_free(length.ptr);
    if (ptr === 0) {
      // What its conversion threw would otherwise come up in the next script.
      guest.qjs_free_value(guest.qjs_get_exception());
      return "a value that has no string";
    }
    const text = new TextDecoder().decode(new Uint8Array(host.memory.buffer, ptr, bytes).slice());
    guest.qjs_free_cstring(ptr);
    return text;
  };

  const throwPending = () => {
    const exception = host.exports.qjs_get_exception();
    const text = textOf(exception);
    host.exports.qjs_free_value(exception);
    throw new Error(text);
  };

  /** The engine starts with the first script: its runtime and context lie in guest memory, and so does the note of them. */
  const start = () => {
    const guest = host.exports;
    if (guest.qjs_get_context_ptr() !== 0) return;
    if (guest.qjs_init() !== 0) throw new Error("QuickJS does not start");
    guest.qjs_set_max_stack_size(STACK_BYTES_MAX);
  };

  const evaluate = (source) => {
    start();
    const guest = host.exports;
    const code = allocate(source);
    const file = allocate("evaluate");
    const value = guest.qjs_eval(code.ptr, code.bytes, file.ptr, 0);
    guest.wasm_free(code.ptr);
    guest.wasm_free(file.ptr);
    try {
      if (guest.qjs_is_exception(value) !== 0) throwPending();
      while (guest.qjs_is_job_pending() !== 0) {
        if (guest.qjs_execute_pending_job() < 0) throwPending();
      }
      return textOf(value);
    } finally {
      guest.qjs_free_value(value);
    }
  };

  return { imports: { env: imports(host) }, calls: { evaluate } };
}
