/**
 * Who has the next turn, round by round. In a round those come first who went without in the round before, then those who
 * came since, then the others in the order in which they were served. So somebody who comes seldom waits for one round at
 * most, and who was passed over is first in the next.
 */
export class Turns<V> {
  /** Not served in this round. */
  readonly #first = new Map<string, V>();
  /** Served in this round, and there is more. */
  readonly #served = new Map<string, V>();

  get size(): number {
    return this.#first.size + this.#served.size;
  }

  get(key: string): V | undefined {
    return this.#first.get(key) ?? this.#served.get(key);
  }

  /** Somebody who was not here. */
  add(key: string, value: V): void {
    this.#first.set(key, value);
  }

  beginRound(): void {
    for (const [key, value] of this.#served) this.#first.set(key, value);
    this.#served.clear();
  }

  /** In the order of their turns. */
  *entries(): Generator<[string, V], void, undefined> {
    yield* this.#first;
    yield* this.#served;
  }

  /** Has had a turn; `isDone`: and has nothing more to wait for. */
  served(key: string, value: V, isDone: boolean): void {
    this.#first.delete(key);
    this.#served.delete(key);
    if (!isDone) this.#served.set(key, value);
  }

  clear(): void {
    this.#first.clear();
    this.#served.clear();
  }
}
