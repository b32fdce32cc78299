/**
 * Slots in order of a due time: a binary heap in typed arrays, 16 bytes per slot, so that a million buckets need no
 * objects. Every operation takes O(log n), and O(1) where times arrive in order, as they mostly do.
 */
export class ExpiryHeap {
  /** Slots as a heap. */
  #heap: Int32Array;
  /** Place of each slot in the heap. */
  #places: Int32Array;
  #dueUs: Float64Array;
  #size = 0;

  /** @param capacity how many slots there may be until `grow` */
  constructor(capacity: number) {
    this.#heap = new Int32Array(capacity);
    this.#places = new Int32Array(capacity);
    this.#dueUs = new Float64Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** The slot that is due first; -1 if there is none. */
  get first(): number {
    return this.#size === 0 ? -1 : (this.#heap[0] as number);
  }

  dueUs(slot: number): number {
    return this.#dueUs[slot] as number;
  }

  grow(capacity: number): void {
    this.#heap = copyOf(this.#heap, new Int32Array(capacity));
    this.#places = copyOf(this.#places, new Int32Array(capacity));
    this.#dueUs = copyOf(this.#dueUs, new Float64Array(capacity));
  }

  add(slot: number, dueUs: number): void {
    this.#dueUs[slot] = dueUs;
    this.#size += 1;
    this.#siftUp(slot, this.#size - 1);
  }

  /** Moves a slot to another time. */
  move(slot: number, dueUs: number): void {
    this.#dueUs[slot] = dueUs;
    this.#siftUp(slot, this.#places[slot] as number);
    this.#siftDown(slot, this.#places[slot] as number);
  }

  remove(slot: number): void {
    const place = this.#places[slot] as number;
    this.#size -= 1;
    const last = this.#heap[this.#size] as number;
    if (last === slot) return;
    this.#siftUp(last, place);
    this.#siftDown(last, this.#places[last] as number);
  }

  #siftUp(slot: number, from: number): void {
    const due = this.#dueUs[slot] as number;
    let place = from;
    while (place > 0) {
      const parentPlace = (place - 1) >> 1;
      const parent = this.#heap[parentPlace] as number;
      if ((this.#dueUs[parent] as number) <= due) break;
      this.#put(parent, place);
      place = parentPlace;
    }
    this.#put(slot, place);
  }

  #siftDown(slot: number, from: number): void {
    const due = this.#dueUs[slot] as number;
    let place = from;
    for (;;) {
      const child = this.#earlierChild(place);
      if (child === -1 || (this.#dueUs[child] as number) >= due) break;
      const childPlace = this.#places[child] as number;
      this.#put(child, place);
      place = childPlace;
    }
    this.#put(slot, place);
  }

  #earlierChild(place: number): number {
    const left = 2 * place + 1;
    if (left >= this.#size) return -1;
    const a = this.#heap[left] as number;
    if (left + 1 >= this.#size) return a;
    const b = this.#heap[left + 1] as number;
    return (this.#dueUs[b] as number) < (this.#dueUs[a] as number) ? b : a;
  }

  #put(slot: number, place: number): void {
    this.#heap[place] = slot;
    this.#places[slot] = place;
  }
}

function copyOf<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
