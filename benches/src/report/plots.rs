//! Plots, as SVG: no font is needed to make them.

use std::{error::Error, path::Path};

use plotters::{coord::Shift, prelude::*};

use super::{short, whos};
use crate::{figures::Figure, gather::count};

/// One plot: lines over named places.
struct Plot {
    file: String,
    title: String,
    /// What the places are, and their names.
    x: (&'static str, Vec<String>),
    y: &'static str,
    logarithmic: bool,
    lines: Vec<Line>,
}

struct Line {
    who: String,
    /// Place, least, median, most.
    points: Vec<(usize, f64, f64, f64)>,
}

/// Draws all that there are figures for. Their files and titles.
pub(super) fn draw_all(figures: &[Figure], dir: &Path) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let mut plots = vec![echo(figures, "free"), echo(figures, "pinned"), availability(figures)];
    plots.extend(latencies(figures));
    plots.retain(|plot| plot.lines.iter().any(|line| !line.points.is_empty()));
    for plot in &plots {
        draw(plot, &dir.join(&plot.file)).map_err(|error| format!("{}: {error}", plot.file))?;
    }
    Ok(plots.into_iter().map(|plot| (plot.file, plot.title)).collect())
}

/// Requests a second over connections.
fn echo(figures: &[Figure], place: &str) -> Plot {
    let counts = connections(figures, place);
    let what = |number: &usize| format!("echo, {}, {place}, requests/s", count(*number, "connection"));
    Plot {
        file: format!("echo-{place}.svg"),
        title: format!("Echo, {place}: requests/s (more is better)"),
        y: "requests/s",
        logarithmic: false,
        lines: lines(figures, 6, &counts.iter().map(what).collect::<Vec<_>>()),
        x: ("connections", counts.iter().map(usize::to_string).collect()),
    }
}

/// What is waited at half of the moments, over the tasks that compute: a server that answers in bursts looks
/// better by its requests.
fn availability(figures: &[Figure]) -> Plot {
    let counts = numbers(figures, 7, "echo, 8 connections, K = ", ", p50 of the time");
    let what = |count: &usize| format!("echo, 8 connections, K = {count}, p50 of the time");
    Plot {
        file: "availability.svg".to_owned(),
        title: "An echo beside K tasks that compute, at a median moment (less is better)".to_owned(),
        y: "p50 of the time, µs",
        logarithmic: true,
        lines: lines(figures, 7, &counts.iter().map(what).collect::<Vec<_>>()),
        x: ("tasks that compute 50 µs and yield", counts.iter().map(usize::to_string).collect()),
    }
}

/// One plot for each count of connections, free and pinned.
fn latencies(figures: &[Figure]) -> Vec<Plot> {
    let quantiles = ["p50", "p90", "p99", "p99.9", "max"];
    let mut plots = Vec::new();
    for place in ["free", "pinned"] {
        for number in connections(figures, place) {
            let what = format!("echo, {}, {place}", count(number, "connection"));
            let whats = quantiles.map(|quantile| format!("{what}, {quantile}"));
            plots.push(Plot {
                file: format!("latency-{place}-{number}.svg"),
                title: format!("Latency of {what} (less is better)"),
                y: "µs",
                logarithmic: true,
                lines: lines(figures, 6, &whats),
                x: ("", quantiles.map(str::to_owned).to_vec()),
            });
        }
    }
    plots
}

/// The counts of connections that were measured there.
fn connections(figures: &[Figure], place: &str) -> Vec<usize> {
    let mut counts = numbers(figures, 6, "echo, ", &format!(" connection, {place}, requests/s"));
    counts.extend(numbers(figures, 6, "echo, ", &format!(" connections, {place}, requests/s")));
    counts
}

/// The numbers between these two in what was measured, ascending.
fn numbers(figures: &[Figure], row: u8, before: &str, after: &str) -> Vec<usize> {
    let whats = figures.iter().filter(|figure| figure.row == row).map(|figure| &figure.what);
    let between = whats.filter_map(|what| what.strip_prefix(before)?.strip_suffix(after)?.parse().ok());
    let mut numbers: Vec<usize> = between.collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// One line for each runtime, with a point for each of these.
fn lines(figures: &[Figure], row: u8, whats: &[String]) -> Vec<Line> {
    let figures: Vec<&Figure> = figures.iter().filter(|figure| figure.row == row).collect();
    let line = |who: &str| {
        let point = |(place, what): (usize, &String)| {
            let figure = figures.iter().find(|figure| figure.who == who && figure.what == *what)?;
            Some((place, figure.min(), figure.median(), figure.max()))
        };
        Line { who: who.to_owned(), points: whats.iter().enumerate().filter_map(point).collect() }
    };
    whos(&figures).into_iter().map(line).collect()
}

fn draw(plot: &Plot, file: &Path) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(file, (960, 540)).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(800);
    let places = plot.x.1.len();
    let xs = -0.3..(places as f64 - 0.7);
    let most = plot.lines.iter().flat_map(|line| &line.points).map(|point| point.3).fold(1.0, f64::max);
    let least = plot.lines.iter().flat_map(|line| &line.points).map(|point| point.1).fold(most, f64::min);
    let mut builder = ChartBuilder::on(&left);
    builder.caption(&plot.title, ("sans-serif", 20)).margin(12).x_label_area_size(44).y_label_area_size(76);
    let name = |x: &f64| {
        let at_a_place = (x - x.round()).abs() < 0.01 && *x > -0.5;
        at_a_place.then(|| plot.x.1.get(x.round() as usize).cloned()).flatten().unwrap_or_default()
    };
    // The two kinds of axis are two types, so that this cannot be said once.
    macro_rules! draw_on {
        ($ys:expr) => {{
            let mut chart = builder.build_cartesian_2d(xs, $ys)?;
            let mut mesh = chart.configure_mesh();
            mesh.x_labels(places).x_label_formatter(&name).x_desc(plot.x.0).disable_x_mesh();
            mesh.label_style(("sans-serif", 14)).axis_desc_style(("sans-serif", 15));
            mesh.y_desc(plot.y).y_label_formatter(&|y| short(*y)).light_line_style(WHITE).draw()?;
            for (number, line) in plot.lines.iter().enumerate() {
                let style = style(number, &line.who);
                let medians = line.points.iter().map(|&(place, _, median, _)| (place as f64, median));
                chart.draw_series(LineSeries::new(medians.clone(), style))?;
                chart.draw_series(medians.map(|point| Circle::new(point, 3, style.filled())))?;
                // The spread; a little apart for each, so that all can be seen.
                let aside = (number as f64 - plot.lines.len() as f64 / 2.0) * 0.008;
                chart.draw_series(line.points.iter().map(|&(place, least, _, most)| {
                    let x = place as f64 + aside;
                    PathElement::new([(x, least), (x, most)], style.stroke_width(1))
                }))?;
            }
        }};
    }
    if plot.logarithmic {
        draw_on!((least.max(0.01) * 0.8..most * 1.2).log_scale());
    } else {
        draw_on!(0.0..most * 1.05);
    }
    legend(&right, &plot.lines)?;
    root.present()?;
    Ok(())
}

/// The variants in strong lines, the peers in thin ones.
fn style(number: usize, who: &str) -> ShapeStyle {
    match who {
        "observer" => RED.stroke_width(3),
        "always" => RGBColor(240, 140, 0).stroke_width(3),
        "pipe" => BLUE.stroke_width(3),
        "raw epoll" => BLACK.stroke_width(2),
        _ => PEERS[number % PEERS.len()].stroke_width(1),
    }
}

/// Each told from the others, and from white.
const PEERS: [RGBColor; 10] = [
    RGBColor(0, 128, 96),
    RGBColor(140, 60, 170),
    RGBColor(110, 160, 0),
    RGBColor(150, 90, 40),
    RGBColor(0, 150, 200),
    RGBColor(220, 70, 150),
    RGBColor(90, 90, 90),
    RGBColor(60, 60, 140),
    RGBColor(180, 150, 0),
    RGBColor(130, 0, 40),
];

fn legend(area: &DrawingArea<SVGBackend<'_>, Shift>, lines: &[Line]) -> Result<(), Box<dyn Error>> {
    for (number, line) in lines.iter().filter(|line| !line.points.is_empty()).enumerate() {
        let y = 60 + 24 * i32::try_from(number)?;
        let place = lines.iter().position(|other| other.who == line.who).unwrap_or(number);
        area.draw(&PathElement::new([(0, y), (26, y)], style(place, &line.who)))?;
        area.draw(&Text::new(line.who.clone(), (34, y - 6), ("sans-serif", 15)))?;
    }
    Ok(())
}
