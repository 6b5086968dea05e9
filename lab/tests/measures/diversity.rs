//! How heads differ.

use super::{FIXTURES, assert_all_near, assert_near, assert_same, counts, list, map, numbers, pointed_map, random_map};
use heedful_lab::inspect::measures::Map;
use heedful_lab::inspect::measures::diversity::{
    OutputError, OutputSums, PatternSums, ShapeError, cka, classical_scaling, cluster_order, divergence,
    effective_number, residual_share, row_divergence,
};
use nalgebra::DMatrix;

/// Row by row, as the fixtures are.
fn rows(matrix: &DMatrix<f64>) -> Vec<f64> {
    matrix.transpose().iter().copied().collect()
}

fn square(values: &[f64]) -> DMatrix<f64> {
    let side = values.len().isqrt();
    DMatrix::from_row_slice(side, side, values)
}

#[test]
fn patterns_compare_as_in_scipy() {
    let fixture = &FIXTURES["diversity"];
    let mut sums = PatternSums::new(4);
    for recording in list(&fixture["recordings"]) {
        let maps: Vec<Map> = list(recording).iter().map(map).collect();
        sums.add(&maps.iter().collect::<Vec<_>>()).unwrap();
    }
    assert_all_near(&rows(&sums.correlation()), &numbers(&fixture["correlation"]), "correlation");
    assert_all_near(&rows(&sums.divergence()), &numbers(&fixture["divergence"]), "divergence");
    assert_same(sums.position_disagreement(), &fixture["position_disagreement"], "disagreement");
}

#[test]
fn divergence_goes_from_nothing_to_ln_2() {
    assert_eq!(row_divergence(&[0.5, 0.5], &[0.5, 0.5]), 0.0);
    assert_near(row_divergence(&[1.0, 0.0], &[0.0, 1.0]), std::f64::consts::LN_2, "apart");
    // By hand: the mean is (3/4, 1/4), so 2 ln 2 - 3/4 ln 3, less the half of ln 2.
    let apart = 1.5 * std::f64::consts::LN_2 - 0.75 * 3f64.ln();
    assert_near(row_divergence(&[1.0], &[0.5, 0.5]), apart, "half apart");
    assert_near(row_divergence(&[1.0], &[0.2, 0.8]), row_divergence(&[1.0, 0.0], &[0.2, 0.8]), "a key less");
    let (even, masked) = (Map::new(2, 2, &[1.0; 4]).unwrap(), Map::hidden(2, 2));
    assert_eq!((divergence(&even, &masked), divergence(&even, &even)), (None, Some(0.0)));
}

#[test]
fn heads_without_a_pattern_have_no_correlation() {
    let even = Map::causal(4, 4, &[1.0; 16]).unwrap();
    let other = random_map(4, 3.0, true, 1);
    let mut sums = PatternSums::new(3);
    sums.add(&[&even, &other, &Map::hidden(4, 4)]).unwrap();
    let correlation = sums.correlation();
    assert!(correlation[(0, 0)].is_nan() && correlation[(0, 1)].is_nan() && correlation[(1, 2)].is_nan());
    assert_near(correlation[(1, 1)], 1.0, "itself");
    assert!(sums.divergence()[(1, 2)].is_nan() && sums.divergence()[(0, 1)] > 0.0);
}

#[test]
fn one_head_and_heads_that_look_at_one_key_are_ends() {
    let first = pointed_map(3, 1.0, |_| 0);
    let mut one = PatternSums::new(1);
    assert_eq!(one.position_disagreement(), None);
    one.add(&[&first]).unwrap();
    assert_eq!(one.position_disagreement(), Some(-1.0));
    let mut none = PatternSums::new(0);
    none.add(&[]).unwrap();
    assert_eq!(none.position_disagreement(), None);
    // Two heads that share no key: half of the pairs, each head with itself, agree.
    let mut two = PatternSums::new(2);
    two.add(&[&first, &pointed_map(3, 1.0, |_| 1)]).unwrap();
    assert_eq!(two.position_disagreement(), Some(-0.5));
}

#[test]
fn long_lists_compare_some_rows_and_come_out_alike() {
    // Four heads, eight pairs of 256 cells each, of which half are allowed. Heads take turns between two maps.
    let two = [random_map(16, 6.0, false, 1), random_map(16, 6.0, false, 2)];
    let maps: Vec<&Map> = (0..4).map(|head| &two[head % 2]).collect();
    let mut sums = PatternSums::with_budget(maps.len(), 1024);
    sums.add(&maps).unwrap();
    let once = sums.divergence()[(0, 1)];
    assert!((once - divergence(&two[0], &two[1]).unwrap()).abs() > 1e-9, "some rows are left out");
    sums.add(&maps).unwrap();
    // Two recordings have all of them.
    assert_near(sums.divergence()[(0, 1)], divergence(&two[0], &two[1]).unwrap(), "divergence");
    assert_eq!(sums.divergence()[(0, 2)], 0.0);
}

#[test]
fn maps_that_do_not_fit_are_refused() {
    let (three, four) = (Map::hidden(3, 3), Map::hidden(4, 4));
    let mut sums = PatternSums::new(2);
    assert_eq!(sums.add(&[&three]), Err(ShapeError::Heads { heads: 2, found: 1 }));
    let shape = ShapeError::Shape { head: 1, found: (4, 4), first: (3, 3) };
    assert_eq!(sums.add(&[&three, &four]), Err(shape));
}

#[test]
fn outputs_compare_as_kernels_do() {
    let fixture = &FIXTURES["outputs"];
    let width = counts(&fixture["width"])[0];
    let recordings: Vec<Vec<Vec<f64>>> =
        list(&fixture["recordings"]).iter().map(|heads| list(heads).iter().map(numbers).collect()).collect();
    let mut sums = OutputSums::new(&[width; 3]);
    for heads in &recordings {
        sums.add(&heads.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    }
    assert_all_near(&rows(&sums.cka()), &numbers(&fixture["cka"]), "CKA");
    assert_same(sums.disagreement(), &fixture["disagreement"], "disagreement");
    assert_same(Some(effective_number(&sums.cka())), &fixture["effective_number"], "effective number");

    let all = |head: usize| recordings.iter().flat_map(|heads| heads[head].clone()).collect::<Vec<f64>>();
    let pair = cka([&all(0), &all(2)], [width; 2]).unwrap();
    assert_near(pair, sums.cka()[(0, 2)], "a pair alone");
    // The second head is the first, turned and twice as large, to four digits.
    assert!(sums.cka()[(0, 1)] > 0.9999);
    assert_same(residual_share(&all(2), width), &fixture["residual"], "residual");
}

#[test]
fn outputs_of_different_widths_have_a_cka_and_no_cosine() {
    let (narrow, wide) = ([1.0, 2.0, 4.0], [1.0, 0.0, 2.0, 0.0, 4.0, 0.0]);
    let mut sums = OutputSums::new(&[1, 2]);
    assert_eq!(sums.disagreement(), None);
    sums.add(&[&narrow, &wide]).unwrap();
    assert_near(sums.cka()[(0, 1)], 1.0, "CKA");
    assert_eq!(sums.disagreement(), None);
}

#[test]
fn constant_outputs_have_no_cka() {
    let mut sums = OutputSums::new(&[2, 2]);
    for _ in 0..3 {
        sums.add(&[&[0.1, 0.3, 0.1, 0.3, 0.1, 0.3], &[1.0, 2.0, 3.0, 4.0, 5.0, 7.0]]).unwrap();
    }
    assert!(sums.cka()[(0, 0)].is_nan() && sums.cka()[(0, 1)].is_nan());
    assert_near(sums.cka()[(1, 1)], 1.0, "itself");
}

#[test]
fn outputs_that_do_not_fit_are_refused() {
    let mut sums = OutputSums::new(&[2, 2]);
    assert_eq!(sums.add(&[&[1.0, 2.0]]), Err(OutputError::Heads { heads: 2, found: 1 }));
    let size = OutputError::Size { head: 1, found: 1, rows: 1, width: 2 };
    assert_eq!(sums.add(&[&[1.0, 2.0], &[1.0]]), Err(size));
    assert_eq!(sums.add(&[&[1.0, f64::NAN], &[1.0, 2.0]]), Err(OutputError::NotFinite { head: 0 }));
    sums.add(&[&[], &[]]).unwrap();
    assert_eq!(sums.disagreement(), None);
    let mut flat = OutputSums::new(&[0, 0]);
    flat.add(&[&[], &[]]).unwrap();
    assert!(flat.cka().iter().all(|value| value.is_nan()) && flat.disagreement().is_none());
    let mut none = OutputSums::new(&[]);
    none.add(&[]).unwrap();
    assert!(none.cka().is_empty() && none.disagreement().is_none());
}

#[test]
fn rows_that_become_alike_are_a_collapse() {
    assert_eq!(residual_share(&[1.0, 2.0, 1.0, 2.0], 2), Some(0.0));
    // Rows 1 and -1: their mean is 0, and all of them is left.
    assert_eq!(residual_share(&[1.0, -1.0], 1), Some(1.0));
    // Rows (3, 0) and (1, 0): off by 1 each. Column sums 2 over 4, row sums 1 over 3.
    assert_near(residual_share(&[3.0, 0.0, 1.0, 0.0], 2).unwrap(), (2.0f64 / 12.0).sqrt(), "by hand");
    assert_eq!((residual_share(&[], 2), residual_share(&[0.0, 0.0], 1), residual_share(&[1.0], 0)), (None, None, None));
}

#[test]
fn the_number_of_heads_counts_equal_ones_once() {
    assert_near(effective_number(&DMatrix::identity(5, 5)), 5.0, "all unlike");
    assert_near(effective_number(&DMatrix::from_element(5, 5, 1.0)), 1.0, "all alike");
    let pairs = square(&[1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
    assert_near(effective_number(&pairs), 2.0, "two pairs");
    assert_near(effective_number(&DMatrix::from_element(3, 3, f64::NAN)), 3.0, "unknown");
    assert_eq!(effective_number(&DMatrix::zeros(0, 0)), 0.0);
}

#[test]
fn heads_are_ordered_and_laid_out_as_in_scipy() {
    let fixture = &FIXTURES["layout"];
    let distances = square(&numbers(&fixture["distances"]));
    assert_eq!(cluster_order(&distances), counts(&fixture["order"]));
    let layout = classical_scaling(&distances);
    let apart = |a: usize, b: usize| {
        let ([ax, ay], [bx, by]) = (layout.points[a], layout.points[b]);
        (ax - bx).hypot(ay - by)
    };
    let found = DMatrix::from_fn(9, 9, apart);
    assert_all_near(&rows(&found), &numbers(&fixture["plane_distances"]), "distance in the plane");
    assert_same(Some(layout.shown), &fixture["shown"], "shown");
}

#[test]
fn axes_point_to_their_farthest_point() {
    for seed in 0..12 {
        let points = random_map(6, 4.0, false, seed);
        let apart = |a: usize, b: usize| points.row(a).iter().zip(points.row(b)).map(|(x, y)| (x - y).abs()).sum();
        let layout = classical_scaling(&DMatrix::from_fn(6, 6, apart));
        for axis in 0..2 {
            let far = layout.points.iter().map(|point| point[axis]).max_by(|a, b| a.abs().total_cmp(&b.abs()));
            assert!(far.unwrap() > 0.0, "axis {axis} of {seed}: {:?}", layout.points);
        }
    }
}

#[test]
fn few_heads_have_an_order_and_a_place() {
    assert!(cluster_order(&DMatrix::zeros(0, 0)).is_empty());
    assert_eq!(cluster_order(&DMatrix::zeros(1, 1)), [0]);
    let close = square(&[0.0, 5.0, 1.0, 5.0, 0.0, f64::NAN, 1.0, f64::NAN, 0.0]);
    assert_eq!(cluster_order(&close), [1, 0, 2]);
    assert!(classical_scaling(&DMatrix::zeros(0, 0)).points.is_empty());
    let one = classical_scaling(&DMatrix::zeros(1, 1));
    assert_eq!((one.points, one.shown), (vec![[0.0, 0.0]], 1.0));
    let two = classical_scaling(&square(&[0.0, 2.0, 2.0, 0.0]));
    assert_all_near(&two.points.concat(), &[1.0, 0.0, -1.0, 0.0], "two heads");
}
