//! The land: distant ridges, the foreground, and the plants at the lower edge.

mod buildings;
mod plants;
mod ridge;

use crate::canvas::Canvas;
use crate::scene::Scene;
use crate::sky;
use crate::words::Place;

pub(crate) use ridge::Ridge;

/// Paints everything between the sky and the foreground.
pub(super) fn distance(canvas: &mut Canvas, scene: &Scene) {
    let mut random = scene.plan.random.part("distance");
    let horizon = scene.horizon;
    match scene.plan.place {
        Place::Sea => {
            if random.chance(0.6) {
                Ridge::rolling(horizon + 0.012, 0.055, 1.1, random.seed())
                    .paint(canvas, scene, 0.12, horizon);
            }
        }
        Place::Lake => {
            Ridge::jagged(horizon - 0.20, 0.24, 1.3, random.seed()).paint(canvas, scene, 0.10, horizon);
            sky::haze(canvas, scene, 0.16, 0.5);
            Ridge::jagged(horizon - 0.09, 0.13, 2.0, random.seed()).paint(canvas, scene, 0.38, horizon);
            sky::haze(canvas, scene, 0.07, 0.35);
            let shore = Ridge::rolling(horizon - 0.012, 0.014, 2.5, random.seed());
            plants::treeline(canvas, scene, &shore, 0.72, 0.050, &mut random);
            shore.paint(canvas, scene, 0.72, horizon);
        }
        Place::Dunes => {
            Ridge::jagged(horizon - 0.05, 0.05, 1.6, random.seed()).paint(canvas, scene, 0.06, scene.height);
            for (layer, depth) in [(0.0, 0.22), (0.055, 0.42), (0.13, 0.62)] {
                Ridge::dune(horizon + layer, 0.07 + layer * 0.5, 1.5 - layer * 4.0, random.seed()).paint(
                    canvas,
                    scene,
                    depth,
                    scene.height,
                );
            }
        }
        Place::Mountains => {
            for (rise, tall, depth) in [(0.26, 0.34, 0.06), (0.15, 0.26, 0.26), (0.05, 0.17, 0.50)] {
                Ridge::jagged(horizon - rise, tall, 1.1 + depth * 1.6, random.seed()).paint(
                    canvas,
                    scene,
                    depth,
                    horizon + 0.14,
                );
                sky::haze(canvas, scene, 0.20 - 0.15 * depth, 0.45);
            }
            let hill = Ridge::rolling(horizon + 0.05, 0.05, 1.6, random.seed());
            plants::treeline(canvas, scene, &hill, 0.72, 0.060, &mut random);
            hill.paint(canvas, scene, 0.72, scene.height);
        }
        Place::Forest => {
            Ridge::jagged(horizon - 0.26, 0.20, 1.2, random.seed()).paint(
                canvas,
                scene,
                0.06,
                horizon + 0.02,
            );
            for (drop, depth, tall) in [
                (-0.15, 0.14, 0.06),
                (-0.09, 0.28, 0.08),
                (-0.03, 0.42, 0.11),
                (0.05, 0.58, 0.14),
                (0.13, 0.74, 0.19),
            ] {
                let hill = Ridge::rolling(horizon + drop, 0.06, 1.3 + depth, random.seed());
                plants::treeline(canvas, scene, &hill, depth, tall, &mut random);
                hill.paint(canvas, scene, depth, scene.height);
            }
        }
        Place::City => buildings::paint(canvas, scene, &mut random),
        Place::Field => {
            Ridge::rolling(horizon - 0.06, 0.09, 1.2, random.seed()).paint(canvas, scene, 0.12, scene.height);
            let wood = Ridge::rolling(horizon - 0.005, 0.035, 1.7, random.seed());
            plants::treeline(canvas, scene, &wood, 0.36, 0.032, &mut random);
            wood.paint(canvas, scene, 0.36, scene.height);
        }
        Place::Snow => {
            for (rise, tall, depth) in [(0.20, 0.32, 0.10), (0.08, 0.20, 0.32)] {
                Ridge::jagged(horizon - rise, tall, 1.2 + depth, random.seed()).paint(
                    canvas,
                    scene,
                    depth,
                    horizon + 0.10,
                );
                sky::haze(canvas, scene, 0.15, 0.4);
            }
            let hill = Ridge::rolling(horizon + 0.02, 0.05, 1.4, random.seed());
            plants::treeline(canvas, scene, &hill, 0.45, 0.085, &mut random);
            hill.paint(canvas, scene, 0.60, scene.height);
        }
        Place::Hills => {
            for (drop, tall, depth) in [(-0.13, 0.12, 0.08), (-0.06, 0.11, 0.28), (0.02, 0.09, 0.52)] {
                let hill = Ridge::rolling(horizon + drop, tall, 1.0 + depth, random.seed());
                if depth > 0.2 {
                    plants::round_trees(canvas, scene, &hill, depth, &mut random);
                }
                hill.paint(canvas, scene, depth, scene.height);
            }
        }
    }
}

/// Paints the foreground and returns its line, on which subjects stand.
pub(super) fn foreground(canvas: &mut Canvas, scene: &Scene) -> Ridge {
    let mut random = scene.plan.random.part("foreground");
    let standing = scene.standing().next().is_some();
    let (horizon, seed) = (scene.horizon, random.seed());
    let below = scene.height - horizon;
    let ridge = match scene.plan.place {
        Place::Sea | Place::Lake if standing => {
            // A headland that rises on the side of the subject and falls towards the light.
            Ridge::headland(scene.height, horizon, scene.focus, -scene.light_side, seed)
        }
        Place::Sea | Place::Lake => Ridge::headland(
            scene.height + 0.04,
            scene.height - below * 0.16,
            scene.focus,
            -scene.light_side,
            seed,
        ),
        Place::Dunes => Ridge::dune(horizon + below * 0.52, 0.12, 0.75, seed),
        // A quay if a subject stands on it; otherwise the river reaches the lower edge.
        Place::City if standing => Ridge::flat(horizon + below * 0.45),
        Place::City => Ridge::flat(scene.height + 0.1),
        Place::Field => Ridge::rolling(horizon + 0.035, 0.05, 0.8, seed),
        Place::Snow | Place::Hills => Ridge::rolling(horizon + below * 0.36, 0.10, 0.9, seed),
        Place::Mountains | Place::Forest => Ridge::rolling(horizon + below * 0.50, 0.10, 0.9, seed),
    };
    ridge.paint_near(canvas, scene);
    if matches!(scene.plan.place, Place::Sea | Place::Lake) {
        plants::tufts(canvas, scene, &ridge, &mut random);
    }
    ridge
}

/// Paints the nearest plants, which the lower edge cuts off.
pub(super) fn at_our_feet(canvas: &mut Canvas, scene: &Scene) {
    let mut random = scene.plan.random.part("feet");
    match scene.plan.place {
        Place::Sea | Place::Dunes | Place::City => {}
        Place::Lake => plants::grass(canvas, scene, 0.10, 0.8, &mut random),
        Place::Forest | Place::Mountains => plants::framing_pines(canvas, scene, &mut random),
        Place::Snow => plants::framing_pines(canvas, scene, &mut random),
        Place::Field | Place::Hills => plants::grass(canvas, scene, 0.085, 1.0, &mut random),
    }
}
