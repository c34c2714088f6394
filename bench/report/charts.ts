// Charts as SVG, drawn by ECharts without a browser. Boxes are quartiles over the rounds, whiskers the extremes.
import * as echarts from 'echarts'
import { quantile } from '../machine/statistics.js'

const WIDTH = 900

export interface Bar {
  name: string
  values: readonly number[]
}

/** A horizontal box for each name, in the order given. */
export function boxes(title: string, unit: string, bars: readonly Bar[]): string {
  const fromBottom = [...bars].reverse()
  return draw(60 + 40 * bars.length + 40, {
    title: { text: title, left: 'center' },
    grid: { left: 230, right: 70, top: 50, bottom: 50 },
    xAxis: { type: 'value', name: unit, nameLocation: 'middle', nameGap: 28, min: 0 },
    yAxis: { type: 'category', data: fromBottom.map(({ name }) => name) },
    series: [{ type: 'boxplot', data: fromBottom.map(({ values }) => [0, 0.25, 0.5, 0.75, 1].map((part) => round(quantile(values, part)))) }]
  })
}

export interface Line {
  name: string
  /** Median by x. */
  points: [x: number, y: number][]
}

/** On axes that begin at 0, so that linear growth is a straight line; `logarithmic` where x spans decades. */
export function lines(title: string, axis: string, unit: string, lines: readonly Line[], logarithmic: boolean): string {
  return draw(360, {
    title: { text: title, left: 'center' },
    legend: { bottom: 0 },
    grid: { left: 70, right: 40, top: 50, bottom: 70 },
    xAxis: { type: logarithmic ? 'log' : 'value', name: axis, nameLocation: 'middle', nameGap: 28 },
    yAxis: { type: 'value', name: unit, min: 0 },
    series: lines.map(({ name, points }) => ({ type: 'line', name, data: points.map(([x, y]) => [x, round(y)]) }))
  })
}

function draw(height: number, option: echarts.EChartsCoreOption): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height })
  chart.setOption({ animation: false, backgroundColor: '#fff', ...option })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return svg
}

function round(value: number): number {
  return Number(value.toPrecision(4))
}
