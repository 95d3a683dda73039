# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""Plots as SVG text. Colours are classes (s0 .. s7, ref, axis, grid), which the
page's style sheet sets for light and dark."""
import math
from html import escape

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 80, 16, 16, 52


def text_of(value):
    """1000 -> 1 k, 2500000 -> 2.5 M, 0.25 -> 0.25"""
    for unit, name in ((1e6, ' M'), (1e3, ' k')):
        if abs(value) >= unit:
            return f'{value / unit:g}{name}'
    return f'{value:g}'


def nice_step(span, steps=6):
    raw = span / steps
    power = 10 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if raw <= m * power * 1.0001)


class Axis:
    """Values to pixels."""

    def __init__(self, low, high, begin, end, log=False):
        self.low, self.high, self.begin, self.end, self.log = low, high, begin, end, log

    def __call__(self, value):
        if self.log:
            share = (math.log10(value / self.low)) / math.log10(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)

    def ticks(self):
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            return [10.0 ** i for i in range(first, last + 1)]
        step = nice_step(self.high - self.low)
        count = int((self.high - self.low) / step + 1e-9)
        return [self.low + i * step for i in range(count + 1)]


def tag(name, content=None, **attributes):
    # class_ -> class, text_anchor -> text-anchor
    inside = ''.join(f' {k.rstrip("_").replace("_", "-")}="{escape(str(v))}"'
                     for k, v in attributes.items())
    return f'<{name}{inside}/>' if content is None else f'<{name}{inside}>{content}</{name}>'


def text(x, y, content, **attributes):
    return tag('text', escape(str(content)), x=f'{x:.1f}', y=f'{y:.1f}', **attributes)


def line(x1, y1, x2, y2, class_):
    return tag('line', x1=f'{x1:.1f}', y1=f'{y1:.1f}', x2=f'{x2:.1f}', y2=f'{y2:.1f}', class_=class_)


def figure(parts, height, label):
    return tag('svg', '\n'.join(parts), viewBox=f'0 0 {WIDTH} {height}', role='img',
               aria_label=label)


def legend(entries, top):
    """(parts, height) of rows of (class, name); dashed for class `ref...`."""
    parts, x, y = [], LEFT, top + 8
    for class_, name in entries:
        width = 34 + 6.6 * len(name)
        if x + width > WIDTH and x > LEFT:
            x, y = LEFT, y + 20
        kind = 'line' if class_.startswith(('s', 'r')) else ''
        parts.append(line(x, y, x + 20, y, f'{kind} {class_} key'))
        parts.append(text(x + 26, y + 4, name, class_='small'))
        x += width + 8
    return parts, y + 16 - top if entries else 0


def frame(x, y, x_label, y_label, x_ticks, bottom, y_text=text_of):
    parts = []
    for value in y.ticks():
        parts.append(line(LEFT, y(value), WIDTH - RIGHT, y(value), 'grid'))
        parts.append(text(LEFT - 8, y(value) + 4, y_text(value), text_anchor='end', class_='small'))
    for value, label in x_ticks:
        parts.append(line(x(value), bottom, x(value), bottom + 4, 'axis'))
        parts.append(text(x(value), bottom + 18, label, text_anchor='middle', class_='small'))
    parts.append(line(LEFT, bottom, WIDTH - RIGHT, bottom, 'axis'))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, bottom + 38, x_label, text_anchor='middle'))
    middle = (TOP + bottom) / 2
    parts.append(text(16, middle, y_label, text_anchor='middle',
                      transform=f'rotate(-90 16 {middle:.0f})'))
    return parts


def lines(series, x_label, y_label, label, x_ticks=None, x_log=True, y_log=False, dots=True,
          y_text=text_of):
    """series: [(class, name, [(x, y, low, high) or (x, y)])]; class `ref…`: dashed."""
    series = [s for s in series if s[2]]
    xs = [p[0] for s in series for p in s[2]]
    ys = [v for s in series for p in s[2] for v in p[1:]]
    bottom = HEIGHT - BOTTOM
    x_low, x_high = min(xs), max(xs)
    if x_low == x_high:
        x_low, x_high = x_low / 2, x_high * 2
    x = Axis(x_low, x_high, LEFT + 8, WIDTH - RIGHT - 12, x_log)
    if y_log:
        y = Axis(min(ys), max(max(ys), min(ys) * 10), bottom, TOP, True)
    else:
        step = nice_step(max(ys) or 1)
        y = Axis(0, math.ceil(max(ys) / step) * step or 1, bottom, TOP)
    ticks = [(v, text_of(v)) for v in (x_ticks or x.ticks())]
    parts = frame(x, y, x_label, y_label, ticks, bottom, y_text)
    for class_, name, points in series:
        path = ' '.join(f'{x(p[0]):.1f},{y(p[1]):.1f}' for p in points)
        parts.append(tag('polyline', points=path, class_=f'line {class_}'))
        for p in points if dots else ():
            if len(p) == 4:
                parts.append(line(x(p[0]), y(p[2]), x(p[0]), y(p[3]), f'line whisker {class_}'))
            hint = tag('title', escape(f'{name}: {p[1]:,.4g} at {text_of(p[0])}'))
            parts.append(tag('circle', hint, cx=f'{x(p[0]):.1f}', cy=f'{y(p[1]):.1f}', r=3.5,
                             class_=f'dot {class_}'))
    more, height = legend([(s[0], s[1]) for s in series], HEIGHT)
    return figure(parts + more, HEIGHT + height, label)


def stacked(bars, y_label, label):
    """bars: [(name, [(class, part, value)])], from the bottom up."""
    bottom = HEIGHT - BOTTOM
    highest = max(sum(p[2] for p in bar[1]) for bar in bars)
    step = nice_step(highest or 1)
    y = Axis(0, math.ceil(highest / step) * step or 1, bottom, TOP)
    slot = (WIDTH - RIGHT - LEFT) / len(bars)
    x = Axis(0, len(bars), LEFT, WIDTH - RIGHT)
    parts = frame(x, y, '', y_label, [(i + 0.5, bar[0]) for i, bar in enumerate(bars)], bottom)
    width, seen = min(80, slot * 0.6), {}
    for i, (name, pieces) in enumerate(bars):
        base, left = 0.0, x(i + 0.5) - width / 2
        for class_, part, value in pieces:
            seen[class_] = part
            hint = tag('title', escape(f'{name}, {part}: {value:,.3g}'))
            parts.append(tag('rect', hint, x=f'{left:.1f}', y=f'{y(base + value):.1f}',
                             width=f'{width:.1f}', height=f'{y(base) - y(base + value):.2f}',
                             class_=f'bar {class_}'))
            base += value
        parts.append(text(x(i + 0.5), y(base) - 6, f'{base:,.0f}', text_anchor='middle',
                          class_='small'))
    more, height = legend(list(seen.items()), HEIGHT - 16)
    return figure(parts + more, HEIGHT - 16 + height, label)


def bars(rows, label, log=False, digits=1):
    """Horizontal bars: [(class, name, value, low, high)]."""
    left, height = 190, 26
    highest = max(max(r[2], r[4]) for r in rows)
    lowest = min(v for r in rows for v in (r[2], r[3]) if v > 0)
    begin, end = left, WIDTH - 90
    x = (Axis(10 ** math.floor(math.log10(lowest) - 0.05), highest, begin, end, True) if log
         else Axis(0, highest, begin, end))
    parts = []
    for i, (class_, name, value, low, high) in enumerate(rows):
        top = 6 + i * height
        parts.append(text(left - 8, top + 14, name, text_anchor='end'))
        parts.append(tag('rect', x=begin, y=top + 2, width=f'{max(1.0, x(value) - begin):.1f}',
                         height=height - 10, class_=f'bar {class_}'))
        if high > low > 0:
            parts.append(line(x(low), top + 10, x(high), top + 10, 'axis'))
        parts.append(text(max(x(value), x(high) if high else 0) + 8, top + 14,
                          f'{value:,.{digits}f}', class_='small'))
    return figure(parts, 12 + len(rows) * height, label)
