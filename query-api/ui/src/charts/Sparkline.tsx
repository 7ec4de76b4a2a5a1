interface SparklineProps {
  values: number[];
  label: string;
}

const WIDTH = 120;
const HEIGHT = 22;

/** Bars of the requests over the time range; the numbers stand in the other columns. */
export function Sparkline({ values, label }: SparklineProps) {
  const most = Math.max(...values, 0);
  const step = WIDTH / Math.max(values.length, 1);
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      width={WIDTH}
      height={HEIGHT}
      role="img"
      aria-label={label}
    >
      <path
        d={most > 0 ? values.map((value, index) => barPath(value / most, index * step, step)).join("") : ""}
      />
      <line x1="0" x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
    </svg>
  );
}

function barPath(share: number, x: number, step: number): string {
  if (share <= 0) return "";
  const height = Math.max(1, share * (HEIGHT - 3));
  const width = Math.max(1, step - 1);
  return `M${x.toFixed(2)} ${HEIGHT - 1}v${-height.toFixed(2)}h${width.toFixed(2)}V${HEIGHT - 1}Z`;
}
