/**
 * What a C++ runtime does for exceptions in WebAssembly, as far as the guests here need it: Debian's libc++abi is built without.
 * The compiler calls these functions by name. A thrown object lies behind a header; the tag's payload is its address. Throwing runs
 * no search: each handler asks _Unwind_CallPersonality whether one of its catch clauses is meant, and throws again if not.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

namespace {

/** Of a class without bases, and of one with a single base, which lies where it does. */
struct TypeInfo {
  const void* vtable;
  const char* name;
  const TypeInfo* base;
};

struct Header {
  const TypeInfo* type;
  void* (*destroy)(void*);
  /** Handlers that are inside of it; negative while it is on its way out of one that threw it again. */
  int handlers;
  Header* next;
};

/** Exceptions that handlers have caught and are not done with, the last one first. */
Header* caught = nullptr;

Header* headerOf(void* object) {
  return static_cast<Header*>(object) - 1;
}

/** Reads the tables that the compiler writes for each function. */
struct Reader {
  const uint8_t* at;
  uint32_t unsignedLeb() {
    uint32_t value = 0;
    for (int shift = 0;; shift += 7) {
      value |= static_cast<uint32_t>(*at & 0x7f) << shift;
      if ((*at++ & 0x80) == 0) return value;
    }
  }
  int32_t signedLeb() {
    int32_t value = 0;
    int shift = 0;
    uint8_t byte;
    do {
      byte = *at++;
      value |= static_cast<int32_t>(byte & 0x7f) << shift;
      shift += 7;
    } while (byte & 0x80);
    return byte & 0x40 && shift < 32 ? value | -(1 << shift) : value;
  }
};

}  // namespace

extern "C" {

/** The vtables of std::type_info's subclasses tell apart what follows in a type's description; nobody calls through them. */
extern const void* const classTypeInfo[3] __asm__("_ZTVN10__cxxabiv117__class_type_infoE");
extern const void* const singleTypeInfo[3] __asm__("_ZTVN10__cxxabiv120__si_class_type_infoE");
const void* const classTypeInfo[3] = {nullptr, nullptr, nullptr};
const void* const singleTypeInfo[3] = {nullptr, nullptr, nullptr};

/** Written by the handler, but for the selector. */
struct {
  uint32_t site;
  const uint8_t* tables;
  uint32_t selector;
} __wasm_lpad_context;

/** Gives what nobody looks at; the answer is the selector. */
int _Unwind_CallPersonality(void* object) {
  Reader reader{__wasm_lpad_context.tables};
  if (*reader.at++ != 0xff || *reader.at++ != 0) abort();  // no landing pads, addresses of types as they are
  const uint32_t typesOffset = reader.unsignedLeb();
  const TypeInfo* const* types = reinterpret_cast<const TypeInfo* const*>(reader.at + typesOffset);
  if (*reader.at++ != 1) abort();  // numbers are LEB128
  const uint32_t sitesBytes = reader.unsignedLeb();
  const uint8_t* const actions = reader.at + sitesBytes;
  uint32_t action = 0;
  for (uint32_t site = 0; site <= __wasm_lpad_context.site; site++) {
    reader.unsignedLeb();
    action = reader.unsignedLeb();
  }
  __wasm_lpad_context.selector = 0;
  if (action == 0) return 0;
  reader.at = actions + action - 1;
  for (;;) {
    const int32_t filter = reader.signedLeb();
    const uint8_t* const from = reader.at;
    const int32_t next = reader.signedLeb();
    const TypeInfo* const wanted = filter > 0 ? types[-filter] : nullptr;
    for (const TypeInfo* type = headerOf(object)->type; filter > 0;) {
      if (wanted == nullptr || type == wanted) {
        __wasm_lpad_context.selector = filter;
        return 0;
      }
      if (type->vtable != &singleTypeInfo[2]) break;
      type = type->base;
    }
    if (next == 0) return 0;
    reader.at = from + next;
  }
}

void* __cxa_allocate_exception(size_t bytes) {
  Header* header = static_cast<Header*>(calloc(1, sizeof(Header) + bytes));
  if (header == nullptr) abort();
  return header + 1;
}

void __cxa_free_exception(void* object) {
  free(headerOf(object));
}

[[noreturn]] void __cxa_throw(void* object, const TypeInfo* type, void* (*destroy)(void*)) {
  headerOf(object)->type = type;
  headerOf(object)->destroy = destroy;
  __builtin_wasm_throw(0, object);
}

void* __cxa_begin_catch(void* object) {
  Header* header = headerOf(object);
  header->handlers = (header->handlers < 0 ? -header->handlers : header->handlers) + 1;
  if (caught != header) {
    header->next = caught;
    caught = header;
  }
  return object;
}

void __cxa_end_catch() {
  Header* header = caught;
  const bool leaving = header->handlers < 0;
  header->handlers += leaving ? 1 : -1;
  if (header->handlers != 0) return;
  caught = header->next;
  if (leaving) return;
  if (header->destroy != nullptr) header->destroy(header + 1);
  free(header);
}

[[noreturn]] void __cxa_rethrow() {
  caught->handlers = -caught->handlers;
  __builtin_wasm_throw(0, static_cast<void*>(caught + 1));
}

[[noreturn]] void terminate() __asm__("_ZSt9terminatev");
[[noreturn]] void terminate() {
  abort();
}

}  // extern "C"
