// A small line chart.

export type Line = [name: string, values: number[]];

const width = 300;
const height = 64;

export function Chart({ lines, room, label }: { lines: Line[]; room: number; label: string }) {
  const most = (Math.max(...lines.flatMap(([, v]) => v), 0) || 1) * 1.1;
  const at = (values: number[], i: number): string => {
    const x = width - ((values.length - 1 - i) * width) / (room - 1);
    return `${x.toFixed(1)},${(height - (values[i]! / most) * height).toFixed(1)}`;
  };
  return (
    <svg class="chart" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={label}>
      {lines.map(([name, values], n) => {
        if (values.length < 2) return null;
        const points = values.map((_, i) => at(values, i)).join(" ");
        const begin = width - ((values.length - 1) * width) / (room - 1);
        return (
          <g class={`series-${n}`} key={name}>
            {n === 0 && <polygon points={`${begin.toFixed(1)},${height} ${points} ${width},${height}`} />}
            <polyline points={points} />
          </g>
        );
      })}
    </svg>
  );
}
