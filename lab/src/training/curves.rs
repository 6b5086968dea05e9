//! Loss and accuracy over the epochs, as an SVG.

use super::Record;
use plotters::prelude::*;

/// Size of the picture.
const SIZE: (u32, u32) = (900, 640);
const TRAINING: RGBColor = RGBColor(31, 119, 180);
const VALIDATION: RGBColor = RGBColor(214, 39, 40);

/// Two charts, one above the other; a line where rounding begins.
///
/// # Errors
/// If the picture cannot be drawn.
pub fn svg(records: &[Record]) -> Result<String, String> {
    let mut out = String::new();
    draw(&mut out, records).map_err(|error| error.to_string())?;
    Ok(out)
}

fn draw(out: &mut String, records: &[Record]) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    let area = SVGBackend::with_string(out, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (above, below) = area.split_vertically(SIZE.1 / 2);
    let points = |of: fn(&Record) -> Option<f32>| -> Vec<(f64, f64)> {
        records.iter().filter_map(|r| Some((r.epoch as f64, f64::from(of(r)?)))).collect()
    };
    let charts = [
        (above, "loss", points(|r| Some(r.loss)), points(|r| r.validation_loss)),
        (below, "accuracy", points(|r| r.accuracy), points(|r| r.validation_accuracy)),
    ];
    let last = records.len().max(2) as f64;
    let rounded = records.iter().find(|r| r.rounded).map(|r| r.epoch as f64);
    for (area, name, training, validation) in charts {
        let most = if name == "accuracy" { 1.0 } else { largest(&[&training, &validation]) };
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .set_label_area_size(LabelAreaPosition::Left, 56)
            .set_label_area_size(LabelAreaPosition::Bottom, 36)
            .build_cartesian_2d(1.0..last, 0.0..most * 1.05)?;
        let mesh = &mut chart.configure_mesh();
        mesh.x_desc("epoch").y_desc(name).light_line_style(WHITE).x_label_formatter(&|x| format!("{x:.0}"));
        mesh.draw()?;
        if let Some(from) = rounded {
            let line = vec![(from, 0.0), (from, most * 1.05)];
            let series = chart.draw_series(LineSeries::new(line, BLACK.mix(0.4)))?;
            series.label("rounded from here").legend(|at| legend(at, BLACK.mix(0.4)));
        }
        for (name, points, colour) in [("training", training, TRAINING), ("validation", validation, VALIDATION)] {
            if !points.is_empty() {
                let series = chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
                series.label(name).legend(move |at| legend(at, colour.stroke_width(2)));
            }
        }
        let labels = &mut chart.configure_series_labels();
        labels.background_style(WHITE.mix(0.8)).border_style(BLACK.mix(0.3));
        labels.draw()?;
    }
    area.present()?;
    Ok(())
}

fn legend((x, y): (i32, i32), style: impl Into<ShapeStyle>) -> PathElement<(i32, i32)> {
    PathElement::new(vec![(x, y), (x + 18, y)], style)
}

fn largest(all: &[&Vec<(f64, f64)>]) -> f64 {
    all.iter().flat_map(|points| points.iter()).fold(0f64, |most, (_, y)| most.max(*y)).max(1e-6)
}
