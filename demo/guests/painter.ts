/**
 * The guest of the page: one of four pictures, painted frame after frame for as long as it is let, each frame with its number.
 *
 *   0 counter   digits, which must never skip          2 particles   bouncing points that leave trails
 *   1 life      Conway's board, wrapped round           3 mandelbrot  a zoom that never ends
 *
 * It has no runtime and no state but its memory. As much memory as it is told to have is taken at the beginning, and a few pages
 * of it are written with each frame, so that there is something to see in a map of pages.
 */

@external("env", "arg") declare function arg(index: i32): i32;
@external("env", "show") declare function show(ptr: usize, width: i32, height: i32, frame: i32): void;
@external("env", "pause") declare function pause(ms: i32): void;

const SIDE: i32 = 96;
const CELLS: i32 = SIDE * SIDE;
const PIXELS: usize = memory.data(CELLS * 4, 4);
const BOARD: usize = memory.data(CELLS, 4);
const NEXT: usize = memory.data(CELLS, 4);
const POINTS: usize = memory.data(64 * 16, 8);
const POINT_COUNT: i32 = 64;

/** Pages written with each frame, somewhere in all of memory. */
const SCATTERED: i32 = 24;
const PAGE: i32 = 4096;
const WASM_PAGE: i32 = 65536;

// Segments of the digits 0 … 9: top, upper left, upper right, middle, lower left, lower right, bottom.
const SEGMENTS: StaticArray<u8> = [119, 36, 93, 109, 46, 107, 123, 37, 127, 111];

function next(state: u32): u32 {
  state ^= state << 13;
  state ^= state >> 17;
  return state ^ (state << 5);
}

function put(x: i32, y: i32, colour: u32): void {
  if (x < 0 || y < 0 || x >= SIDE || y >= SIDE) return;
  store<u32>(PIXELS + ((y * SIDE + x) << 2), colour);
}

function clear(colour: u32): void {
  for (let i = 0; i < CELLS; i++) store<u32>(PIXELS + (i << 2), colour);
}

function bar(x: i32, y: i32, width: i32, height: i32, colour: u32): void {
  for (let dy = 0; dy < height; dy++) for (let dx = 0; dx < width; dx++) put(x + dx, y + dy, colour);
}

function digit(x: i32, y: i32, value: i32, colour: u32): void {
  const lit = SEGMENTS[value];
  if (lit & 1) bar(x, y, 12, 3, colour);
  if (lit & 2) bar(x, y, 3, 14, colour);
  if (lit & 4) bar(x + 9, y, 3, 14, colour);
  if (lit & 8) bar(x, y + 12, 12, 3, colour);
  if (lit & 16) bar(x, y + 12, 3, 15, colour);
  if (lit & 32) bar(x + 9, y + 12, 3, 15, colour);
  if (lit & 64) bar(x, y + 24, 12, 3, colour);
}

function counter(frame: i32, colour: u32): void {
  clear(0xff201814);
  let rest = frame;
  for (let place = 0; place < 5; place++) {
    digit(78 - place * 18, 34, rest % 10, colour);
    rest /= 10;
  }
}

function life(frame: i32, seed: u32, colour: u32): void {
  if (frame % 600 == 1) {
    let state = seed + <u32>frame;
    for (let i = 0; i < CELLS; i++) {
      state = next(state);
      store<u8>(BOARD + i, (state >> 7) & 1);
    }
  }
  for (let y = 0; y < SIDE; y++) {
    const above = ((y + SIDE - 1) % SIDE) * SIDE;
    const below = ((y + 1) % SIDE) * SIDE;
    const row = y * SIDE;
    for (let x = 0; x < SIDE; x++) {
      const left = (x + SIDE - 1) % SIDE;
      const right = (x + 1) % SIDE;
      const around =
        <i32>load<u8>(BOARD + above + left) + <i32>load<u8>(BOARD + above + x) + <i32>load<u8>(BOARD + above + right) +
        <i32>load<u8>(BOARD + row + left) + <i32>load<u8>(BOARD + row + right) +
        <i32>load<u8>(BOARD + below + left) + <i32>load<u8>(BOARD + below + x) + <i32>load<u8>(BOARD + below + right);
      const alive = around == 3 || (around == 2 && load<u8>(BOARD + row + x) != 0);
      store<u8>(NEXT + row + x, alive ? 1 : 0);
      put(x, y, alive ? colour : 0xff201814);
    }
  }
  memory.copy(BOARD, NEXT, CELLS);
}

function particles(frame: i32, seed: u32, colour: u32): void {
  if (frame == 1) {
    let state = seed;
    for (let i = 0; i < POINT_COUNT; i++) {
      const at = POINTS + (i << 4);
      for (let field = 0; field < 4; field++) {
        state = next(state);
        store<f32>(at + (field << 2), field < 2 ? <f32>(state % <u32>SIDE) : <f32>(<i32>(state % 200) - 100) / 60);
      }
    }
  }
  // Trails: everything fades a little.
  for (let i = 0; i < CELLS; i++) {
    const at = PIXELS + (i << 2);
    const was = load<u32>(at);
    store<u32>(at, 0xff000000 | ((was & 0x00fefefe) >> 1) + 0x000c0a08);
  }
  for (let i = 0; i < POINT_COUNT; i++) {
    const at = POINTS + (i << 4);
    for (let axis = 0; axis < 8; axis += 4) {
      let speed = load<f32>(at + axis, 8);
      let place = load<f32>(at + axis) + speed;
      if (place < 0 || place >= <f32>SIDE) {
        speed = -speed;
        place += 2 * speed;
      }
      store<f32>(at + axis, place);
      store<f32>(at + axis, speed, 8);
    }
    bar(<i32>load<f32>(at), <i32>load<f32>(at, 4), 2, 2, colour);
  }
}

function mandelbrot(frame: i32, colour: u32): void {
  const zoom = 1.6 / 1.03 ** (frame % 260);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const cr = -0.743643887 + zoom * (<f64>x / <f64>(SIDE / 2) - 1);
      const ci = 0.131825904 + zoom * (<f64>y / <f64>(SIDE / 2) - 1);
      let zr = 0.0, zi = 0.0;
      let turns = 0;
      while (turns < 96 && zr * zr + zi * zi < 4) {
        const re = zr * zr - zi * zi + cr;
        zi = 2 * zr * zi + ci;
        zr = re;
        turns++;
      }
      const shade = <u32>(turns * 5 / 2);
      const tint = turns == 96 ? 0 : (((colour & 0xff) * shade) >> 8) | (((((colour >> 8) & 0xff) * shade) >> 8) << 8) | (((((colour >> 16) & 0xff) * shade) >> 8) << 16);
      put(x, y, 0xff000000 | tint);
    }
  }
}

/** A few pages of the rest of memory, the same ones for the same frame and seed. */
function scatter(frame: i32, seed: u32, from: usize): void {
  const pages = (<u32>memory.size() * WASM_PAGE - <u32>from) / PAGE;
  if (pages == 0) return;
  let state = seed ^ <u32>frame;
  for (let i = 0; i < SCATTERED; i++) {
    state = next(state | 1);
    store<u32>(from + <usize>(state % pages) * PAGE, <u32>frame);
  }
}

export function _start(): void {
  const kind = arg(0);
  const seed = <u32>arg(1) * 2654435761 | 1;
  const colour = <u32>arg(2) | 0xff000000;
  const wanted = arg(3) * 16;
  const restMs = arg(4);
  if (wanted > memory.size()) memory.grow(wanted - memory.size());
  const from = (<usize>__heap_base + PAGE) & ~(PAGE - 1);
  for (let frame = 1; ; frame++) {
    if (kind == 0) counter(frame, colour);
    else if (kind == 1) life(frame, seed, colour);
    else if (kind == 2) particles(frame, seed, colour);
    else mandelbrot(frame, colour);
    scatter(frame, seed, from);
    show(PIXELS, SIDE, SIDE, frame);
    pause(restMs);
  }
}
