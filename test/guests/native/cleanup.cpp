/**
 * A C++ program whose work is done in destructors, while exceptions pass through: of objects on the stack, of arrays half built, inside
 * of handlers, and with exceptions of their own. It prints a line for each round. `cleanup ROUNDS`.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

namespace {

uint32_t mixed = 1;

/** Work that may be interrupted anywhere. */
[[gnu::noinline]] uint32_t mix(uint32_t value, uint32_t turns) {
  for (uint32_t i = 0; i < turns; i++) mixed = (mixed ^ value ^ i) * 2654435761u + (mixed >> 7);
  return mixed;
}

struct Trouble {
  uint32_t depth;
  explicit Trouble(uint32_t depth) : depth(depth) {}
  Trouble(const Trouble& other) : depth(other.depth) { mix(depth, 3); }
  virtual ~Trouble() { mix(depth, 5); }
  virtual uint32_t what() const { return depth; }
};

struct Worse : Trouble {
  uint32_t more;
  Worse(uint32_t depth, uint32_t more) : Trouble(depth), more(more) {}
  uint32_t what() const override { return mix(depth * 31 + more, 4); }
};

struct Unrelated {
  double value;
};

uint32_t troubled(uint32_t depth);

/** Its destructor works, and now and then gets into trouble that it deals with itself. */
struct Guarded {
  uint32_t n;
  explicit Guarded(uint32_t n) : n(n) {
    if (mix(n, 2) % 13 == 5) throw Worse(n, 100);
  }
  ~Guarded() {
    mix(n, 20);
    if (n % 3 != 1) return;
    try {
      mix(troubled(n / 4), 1);
    } catch (const Worse& worse) {
      mix(worse.what(), 2);
    } catch (...) {
      mix(n, 3);
    }
  }
};

[[gnu::noinline]] uint32_t troubled(uint32_t depth) {
  Guarded outer(depth);
  if (depth == 0) {
    const uint32_t kind = mix(7, 9) % 4;
    if (kind == 0) throw Trouble(1);
    if (kind == 1) throw Worse(2, mixed % 100);
    if (kind == 2) throw Unrelated{0.5 * (mixed % 100)};
    return mixed % 50;
  }
  Guarded inner(depth + 1);
  try {
    Guarded row[3] = {Guarded(depth), Guarded(depth + 2), Guarded(depth + 4)};
    return troubled(depth - 1) + row[depth % 3].n;
  } catch (Worse& worse) {
    Guarded again(depth * 2);
    if (worse.more % 2 == 0) throw;
    return worse.what() % 1000;
  } catch (const Unrelated& unrelated) {
    if (mix(depth, 3) % 3 == 0) throw Trouble(static_cast<uint32_t>(unrelated.value));
    throw;
  }
}

}  // namespace

void operator delete(void* memory, size_t) noexcept {
  free(memory);
}

int main(int count, char** arguments) {
  const int rounds = count > 1 ? atoi(arguments[1]) : 10;
  for (int round = 0; round < rounds; round++) {
    try {
      printf("%d: %u", round, troubled(round % 5));
    } catch (const Trouble& trouble) {
      printf("%d: trouble %u", round, trouble.what());
    } catch (const Unrelated& unrelated) {
      printf("%d: unrelated %g", round, unrelated.value);
    }
    printf(", %08x\n", mixed);
  }
}
