//! Misses against false alarms, as an SVG.

use super::thresholds::Point;
use plotters::prelude::*;

const SIZE: (u32, u32) = (720, 480);

/// The curve that wake words are compared by: the share that is missed over the false alarms in an hour, by the
/// threshold.
///
/// # Errors
/// If the picture cannot be drawn.
pub fn svg(points: &[Point]) -> Result<String, String> {
    let mut out = String::new();
    draw(&mut out, points).map_err(|error| error.to_string())?;
    Ok(out)
}

fn draw(out: &mut String, points: &[Point]) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    let area = SVGBackend::with_string(out, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let at: Vec<(f64, f64)> = points.iter().map(|p| (p.score.per_hour(), 1.0 - p.score.recall())).collect();
    let (right, top) = at.iter().fold((1.0f64, 0.02f64), |(x, y), point| (x.max(point.0), y.max(point.1)));
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .set_label_area_size(LabelAreaPosition::Left, 56)
        .set_label_area_size(LabelAreaPosition::Bottom, 40)
        .build_cartesian_2d(0.0..right * 1.05, 0.0..top * 1.1)?;
    let mesh = &mut chart.configure_mesh();
    mesh.x_desc("false alarms an hour").y_desc("share missed").light_line_style(WHITE);
    mesh.draw()?;
    let colour = RGBColor(31, 119, 180);
    chart.draw_series(LineSeries::new(at.iter().copied(), colour.stroke_width(2)))?;
    let thresholds = points.iter().zip(&at).step_by(8);
    chart.draw_series(thresholds.map(|(point, &place)| {
        EmptyElement::at(place)
            + Circle::new((0, 0), 3, colour.filled())
            + Text::new(format!("{:.2}", point.enter), (6, -14), ("sans-serif", 13))
    }))?;
    area.present()?;
    Ok(())
}
