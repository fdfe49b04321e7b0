//! The ratios as a plot: a row for each program, a mark for each candidate, in SVG.

use crate::candidate::CANDIDATES;
use crate::rounds::Runs;
use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::path::Path;

const WIDTH: u32 = 960;
const ROW: u32 = 26;
const TOP: u32 = 64;
const BOTTOM: u32 = 34;
const LEFT: u32 = 150;
const RIGHT: u32 = 20;

/// Slower candidates stand at the right edge, with their ratio.
const MOST: f64 = 6.0;

/// Ratios with a line and a number.
const LINES: [f64; 10] = [0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0];

/// Colors that people with any eyes tell apart (Okabe and Ito's); ours are round.
const MARKS: [(RGBColor, Mark); CANDIDATES.len()] = [
    (BLACK, Mark::Cross),
    (RGBColor(110, 110, 110), Mark::Cross),
    (RGBColor(0, 114, 178), Mark::Circle),
    (RGBColor(86, 180, 233), Mark::Circle),
    (RGBColor(213, 94, 0), Mark::Circle),
    (RGBColor(0, 158, 115), Mark::Triangle),
    (RGBColor(230, 159, 0), Mark::Triangle),
    (RGBColor(204, 121, 167), Mark::Triangle),
];

#[derive(Clone, Copy)]
enum Mark {
    Circle,
    Cross,
    Triangle,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub fn draw(runs: &[Runs], path: &Path) -> Result<()> {
    let height = TOP + BOTTOM + ROW * runs.len() as u32;
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    draw_all(runs, &area, height).map_err(|error| anyhow::anyhow!("{error}")).context("the plot can't be drawn")
}

fn draw_all(runs: &[Runs], area: &Area, height: u32) -> Result<(), Box<dyn std::error::Error>> {
    area.fill(&WHITE)?;
    let ratios: Vec<f64> =
        runs.iter().flat_map(|run| (1..CANDIDATES.len()).filter_map(|index| run.ratio(index))).collect();
    let low = ratios.iter().copied().fold(0.9, f64::min) / 1.05;
    let high = ratios.iter().copied().fold(1.3, f64::max).min(MOST) * 1.05;
    let width = f64::from(WIDTH - LEFT - RIGHT);
    let x_of = |ratio: f64| LEFT as i32 + (width * (ratio / low).ln() / (high / low).ln()).round() as i32;
    let y_of = |row: usize| (TOP + ROW * row as u32 + ROW / 2) as i32;

    for (row, run) in runs.iter().enumerate() {
        if row % 2 == 0 {
            let (top, bottom) = (y_of(row) - ROW as i32 / 2, y_of(row) + ROW as i32 / 2);
            let stripe = Rectangle::new([(0, top), (WIDTH as i32, bottom)], RGBColor(244, 244, 244).filled());
            area.draw(&stripe)?;
        }
        text(area, &run.name, (10, y_of(row) - 7))?;
    }
    let bottom = (height - BOTTOM) as i32;
    for ratio in LINES.into_iter().filter(|ratio| (low..high).contains(ratio)) {
        let color = if ratio == 1.0 { BLACK } else { RGBColor(205, 205, 205) };
        area.draw(&PathElement::new([(x_of(ratio), TOP as i32), (x_of(ratio), bottom)], color))?;
        text(area, &format!("{ratio}"), (x_of(ratio) - 8, bottom + 4))?;
    }
    text(area, "× native clang -O3, CPU time; left is faster", (LEFT as i32, bottom + 19))?;
    for (row, run) in runs.iter().enumerate() {
        for index in 1..CANDIDATES.len() {
            let Some(ratio) = run.ratio(index) else { continue };
            // Marks of equal ratios do not hide each other.
            let place = (x_of(ratio.min(MOST)), y_of(row) - 8 + 2 * index as i32);
            mark(area, index, place)?;
            if ratio > MOST {
                text(area, &format!("{ratio:.1}"), (place.0 - 40, place.1 - 7))?;
            }
        }
    }
    for (index, candidate) in CANDIDATES.iter().enumerate().skip(1) {
        let place = (LEFT as i32 + (index as i32 - 1) % 4 * 200, 16 + (index as i32 - 1) / 4 * 22);
        mark(area, index, place)?;
        text(area, candidate.title, (place.0 + 10, place.1 - 7))?;
    }
    Ok(area.present()?)
}

fn text(area: &Area, text: &str, place: (i32, i32)) -> Result<(), Box<dyn std::error::Error>> {
    Ok(area.draw(&Text::new(text.to_owned(), place, ("sans-serif", 16)))?)
}

fn mark(area: &Area, candidate: usize, place: (i32, i32)) -> Result<(), Box<dyn std::error::Error>> {
    let (color, mark) = MARKS[candidate];
    match mark {
        Mark::Circle => area.draw(&Circle::new(place, 5, color.filled()))?,
        Mark::Cross => area.draw(&Cross::new(place, 4, color.stroke_width(2)))?,
        Mark::Triangle => area.draw(&TriangleMarker::new(place, 6, color.filled()))?,
    }
    Ok(())
}
