export function same(got: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(got), JSON.stringify(expected)];
  if (left !== right) throw new Error(`${left} instead of ${right}`);
  console.log(`ok: ${left}`);
}
