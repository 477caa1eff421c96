/**
 * Types of what a module imports and exports, read from its bytes, because the JavaScript API does not tell them. This is a reader of its
 * own on purpose: the tests that use it examine modules that the reader in src/wasm/ had a hand in.
 *
 * A value type is kept as its bytes, which is all that test/support/bridge.ts needs to name it again. Valid modules only.
 */

/** Encoding of a value type. */
export type ValueType = readonly number[];

export interface FunctionType {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
  /** It has supertypes, may have subtypes, or belongs to a group of types: another module's type that looks the same is another. */
  readonly own?: true;
}

export interface GlobalType {
  readonly type: ValueType;
  readonly mutable: boolean;
}

export interface Import {
  readonly module: string;
  readonly name: string;
  /** `undefined` for a tag, a table or a memory. */
  readonly type: FunctionType | GlobalType | undefined;
}

export interface Signatures {
  readonly imports: readonly Import[];
  readonly functions: ReadonlyMap<string, FunctionType>;
  readonly globals: ReadonlyMap<string, GlobalType>;
}

class Cursor {
  readonly bytes: Uint8Array;
  at: number;
  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  byte(): number {
    return this.bytes[this.at++]!;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  /** Steps over a LEB128 of any width and sign. */
  skipLeb(): void {
    while (this.byte() >= 0x80);
  }

  name(): string {
    const length = this.u32();
    this.at += length;
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at));
  }

  valueType(): ValueType {
    const start = this.at;
    const first = this.byte();
    if (first === 0x63 || first === 0x64) this.skipLeb();
    return [...this.bytes.subarray(start, this.at)];
  }

  globalType(): GlobalType {
    return { type: this.valueType(), mutable: (this.byte() & 1) === 1 };
  }

  skipLimits(): void {
    const flags = this.byte();
    this.skipLeb();
    if (flags & 1) this.skipLeb();
  }

  skipConstant(): void {
    for (;;) {
      const opcode = this.byte();
      if (opcode === 0x0b) return;
      if (opcode === 0x43) this.at += 4;
      else if (opcode === 0x44) this.at += 8;
      else if (opcode === 0x41 || opcode === 0x42 || opcode === 0x23 || opcode === 0xd0 || opcode === 0xd2)
        this.skipLeb();
      else if (opcode === 0xfd) {
        this.skipLeb(); // v128.const, the only vector instruction that is constant
        this.at += 16;
      } else if (opcode === 0xfb) {
        const operation = this.u32();
        const immediates = operation <= 1 || operation === 6 || operation === 7 ? 1 : operation === 8 ? 2 : 0;
        for (let i = 0; i < immediates; i++) this.skipLeb();
      }
    }
  }

  vector<T>(read: () => T): T[] {
    return Array.from({ length: this.u32() }, read);
  }
}

function readCompositeType(cursor: Cursor, types: (FunctionType | undefined)[], own: boolean): void {
  const valueType = (): ValueType => cursor.valueType();
  const skipField = (): void => {
    const packed = cursor.bytes[cursor.at]! === 0x78 || cursor.bytes[cursor.at]! === 0x77;
    if (packed) cursor.at++;
    else cursor.valueType();
    cursor.at++;
  };
  const form = cursor.byte();
  if (form === 0x50 || form === 0x4f) {
    const supertypes = cursor.vector(() => cursor.u32());
    readCompositeType(cursor, types, own || form === 0x50 || supertypes.length > 0);
  } else if (form === 0x60)
    types.push({ params: cursor.vector(valueType), results: cursor.vector(valueType), ...(own && { own }) });
  else {
    if (form === 0x5f) cursor.vector(skipField);
    else skipField();
    types.push(undefined);
  }
}

export function readSignatures(bytes: Uint8Array): Signatures {
  const cursor = new Cursor(bytes, 8);
  const types: (FunctionType | undefined)[] = [];
  const functionTypes: FunctionType[] = [];
  const globalTypes: GlobalType[] = [];
  const imports: Import[] = [];
  const functions = new Map<string, FunctionType>();
  const globals = new Map<string, GlobalType>();

  const readers: Record<number, () => void> = {
    1: () => {
      if (cursor.bytes[cursor.at] !== 0x4e) return readCompositeType(cursor, types, false);
      cursor.at++;
      const count = cursor.u32();
      for (let i = 0; i < count; i++) readCompositeType(cursor, types, count > 1);
    },
    2: () => {
      const module = cursor.name();
      const name = cursor.name();
      const kind = cursor.byte();
      let type: FunctionType | GlobalType | undefined;
      if (kind === 0) functionTypes.push((type = types[cursor.u32()]!));
      else if (kind === 3) globalTypes.push((type = cursor.globalType()));
      else if (kind === 4) {
        cursor.at++;
        cursor.skipLeb();
      } else {
        if (kind === 1) cursor.valueType();
        cursor.skipLimits();
      }
      imports.push({ module, name, type });
    },
    3: () => functionTypes.push(types[cursor.u32()]!),
    6: () => {
      globalTypes.push(cursor.globalType());
      cursor.skipConstant();
    },
    7: () => {
      const name = cursor.name();
      const kind = cursor.byte();
      const index = cursor.u32();
      if (kind === 0) functions.set(name, functionTypes[index]!);
      else if (kind === 3) globals.set(name, globalTypes[index]!);
    },
  };

  while (cursor.at < bytes.length) {
    const id = cursor.byte();
    const end = cursor.u32() + cursor.at;
    const read = readers[id];
    if (read !== undefined) cursor.vector(read);
    cursor.at = end;
  }
  return { imports, functions, globals };
}
