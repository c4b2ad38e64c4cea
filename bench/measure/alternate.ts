/**
 * Measures the subjects in turns, A B C A B C, so that other load on the machine affects them alike. The first round is
 * a warm-up and is discarded.
 */
export async function alternate<Name extends string, Sample>(
  rounds: number,
  subjects: Record<Name, (round: number) => Sample | Promise<Sample>>,
): Promise<Record<Name, Sample[]>> {
  const entries = Object.entries(subjects) as [Name, (round: number) => Sample | Promise<Sample>][];
  const samples = Object.fromEntries(entries.map(([name]) => [name, []])) as unknown as Record<Name, Sample[]>;
  for (let round = 0; round <= rounds; round++) {
    for (const [name, measure] of entries) {
      const sample = await measure(round);
      if (round > 0) samples[name].push(sample);
    }
  }
  return samples;
}
