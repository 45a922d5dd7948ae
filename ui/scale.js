// Axes: which values get a line and a label. Steps are 1, 2 or 5 times a power of ten; times of
// day get steps that a clock has.

const TIME_STEPS_S = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

// From 0 to at least `max`, in about `wanted` steps; of bytes, in steps that are round in KiB or
// MiB.
export function niceScale(max, wanted, isBytes = false) {
  if (!(max > 0)) {
    return {top: 1, ticks: [0, 1]};
  }
  if (isBytes && max >= 1024) {
    const unit = 1024 ** Math.floor(Math.log2(max) / 10);
    const {top, ticks} = niceScale(max / unit, wanted);
    return {top: top * unit, ticks: ticks.map((tick) => tick * unit)};
  }
  const rough = max / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const top = Math.ceil(max / step - 1e-9) * step;
  const ticks = [];
  for (let i = 0; i * step <= top + step / 2; i += 1) {
    ticks.push(i * step);
  }
  return {top, ticks};
}

// Instants between the two, in milliseconds, not more than `most`.
export function timeTicks(from, to, most) {
  const span = (to - from) / 1e3;
  const step = (TIME_STEPS_S.find((s) => span / s <= most) ?? 7200) * 1e3;
  const zone = new Date(to).getTimezoneOffset() * 60e3;
  const ticks = [];
  for (let at = Math.ceil((from - zone) / step) * step + zone; at <= to; at += step) {
    ticks.push(at);
  }
  return ticks;
}

// The index of the point that is nearest to an instant; points are in their order.
export function nearest(points, at) {
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle].at < at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low > 0 && at - points[low - 1].at < points[low].at - at ? low - 1 : low;
}
