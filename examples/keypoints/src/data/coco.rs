//! COCO's format for keypoints.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use rayon::prelude::*;
use serde::Deserialize;

use super::{Data, Image, Point, Sample, Skeleton};

/// What of a file is needed here.
#[derive(Deserialize)]
struct File {
    images: Vec<Picture>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Picture {
    id: u64,
    file_name: String,
    width: u32,
    height: u32,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: u64,
    category_id: u64,
    /// x, y and visibility of each point; a visibility of 0 says that it is missing.
    keypoints: Option<Vec<f64>>,
}

#[derive(Deserialize)]
struct Category {
    id: u64,
    keypoints: Option<Vec<String>>,
    /// Pairs of points, counted from 1.
    skeleton: Option<Vec<[usize; 2]>>,
}

/// The annotated object of an image.
struct Object {
    points: Vec<Option<Point>>,
    /// Points of its category that are missing.
    missing: usize,
}

impl Object {
    fn visible(&self) -> usize {
        self.points.iter().flatten().count()
    }
}

/// What the annotations say, before an image is read.
struct Annotated {
    skeleton: Skeleton,
    /// Images that have an object with points, in the order of the file.
    objects: Vec<(Picture, Object)>,
    /// Annotations without a point.
    without: usize,
    /// Annotations of images that have another one.
    further: usize,
}

impl Data {
    /// The images that a file annotates.
    pub fn coco(images: &Path, annotations: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(annotations)
            .with_context(|| format!("cannot read the annotations {}", annotations.display()))?;
        let file: File =
            serde_json::from_str(text.trim_start_matches('\u{feff}')).with_context(|| {
                format!("{} is not a file of COCO keypoints", annotations.display())
            })?;
        let annotated = annotated(file).with_context(|| annotations.display().to_string())?;
        let name = annotated.name(annotations);
        let samples = annotated.objects.into_par_iter();
        Ok(Self {
            name,
            skeleton: annotated.skeleton,
            samples: samples
                .map(|(picture, object)| sample(images, &picture, object))
                .collect::<Result<_>>()?,
        })
    }
}

impl Annotated {
    /// The file and what it has, for people.
    fn name(&self, path: &Path) -> String {
        let sum = |count: fn(&Object) -> usize| -> usize {
            self.objects.iter().map(|(_, object)| count(object)).sum()
        };
        let mut name = format!(
            "{}: {} images, {} points, {} more missing",
            path.display(),
            self.objects.len(),
            sum(Object::visible),
            sum(|object| object.missing),
        );
        if self.without + self.further > 0 {
            name += &format!(
                "; annotations left out: {} without a point, {} beside another of the same image",
                self.without, self.further
            );
        }
        name
    }
}

fn sample(directory: &Path, picture: &Picture, object: Object) -> Result<Sample> {
    let path = directory.join(&picture.file_name);
    let image = Image::read(&path)?;
    let [width, height] = image.size;
    ensure!(
        [width, height] == [picture.width, picture.height],
        "{} has {width} x {height} pixels; it was annotated with {} x {}",
        path.display(),
        picture.width,
        picture.height
    );
    let points = object.points.into_iter();
    Ok(Sample {
        points: points
            .map(|point| point.map(|point| image.to_network(point)))
            .collect(),
        pixels: image.pixels,
    })
}

/// Finds the object of every image. Of several it is the one with the most points: the network gives one set of
/// points for an image.
fn annotated(file: File) -> Result<Annotated> {
    let (skeleton, places) = skeleton(&file.categories)?;
    let mut pictures: HashMap<u64, &Picture> = HashMap::new();
    let mut names: HashSet<&str> = HashSet::new();
    for picture in &file.images {
        let (id, name) = (picture.id, &picture.file_name);
        ensure!(
            pictures.insert(id, picture).is_none(),
            "two images have the id {id}"
        );
        // It could be trained on and tested on.
        ensure!(names.insert(name), "the image {name} is listed twice");
    }
    let mut objects: HashMap<u64, Object> = HashMap::new();
    let (mut without, mut further) = (0, 0);
    for annotation in &file.annotations {
        let image = annotation.image_id;
        let picture = pictures
            .get(&image)
            .with_context(|| format!("an annotation is of image {image}, which is not listed"))?;
        let category = annotation.category_id;
        let places = places.get(&category).with_context(|| {
            format!("an annotation is of category {category}, which is not listed")
        })?;
        let object = object(annotation, picture, places, &skeleton)
            .with_context(|| format!("an annotation of {}", picture.file_name))?;
        let visible = object.visible();
        match objects.get(&image).map(Object::visible) {
            _ if visible == 0 => without += 1,
            None => _ = objects.insert(image, object),
            Some(other) => {
                further += 1;
                if visible > other {
                    objects.insert(image, object);
                }
            }
        }
    }
    ensure!(!objects.is_empty(), "there are no keypoints in it");
    let pictures = file.images.into_iter();
    Ok(Annotated {
        skeleton,
        objects: pictures
            .filter_map(|picture| Some((objects.remove(&picture.id)?, picture)))
            .map(|(object, picture)| (picture, object))
            .collect(),
        without,
        further,
    })
}

/// The points of all categories, each name once, and where those of each category are among them.
fn skeleton(categories: &[Category]) -> Result<(Skeleton, HashMap<u64, Vec<usize>>)> {
    let mut points: Vec<String> = Vec::new();
    let mut edges: Vec<[usize; 2]> = Vec::new();
    let mut places = HashMap::new();
    for category in categories {
        let names = category.keypoints.as_deref().unwrap_or_default();
        let distinct: HashSet<&String> = names.iter().collect();
        ensure!(
            distinct.len() == names.len(),
            "category {} has two points of one name",
            category.id
        );
        let place = |name: &String| match points.iter().position(|point| point == name) {
            Some(place) => place,
            None => {
                points.push(name.clone());
                points.len() - 1
            }
        };
        let of_category: Vec<usize> = names.iter().map(place).collect();
        for edge in category.skeleton.iter().flatten() {
            let ends = edge.map(|end| of_category.get(end.wrapping_sub(1)).copied());
            let [Some(from), Some(to)] = ends else {
                bail!(
                    "the skeleton of category {} joins points {edge:?}; it has {}",
                    category.id,
                    names.len()
                );
            };
            if !edges.contains(&[from, to]) {
                edges.push([from, to]);
            }
        }
        ensure!(
            places.insert(category.id, of_category).is_none(),
            "two categories have the id {}",
            category.id
        );
    }
    Ok((Skeleton { points, edges }, places))
}

fn object(
    annotation: &Annotation,
    picture: &Picture,
    places: &[usize],
    skeleton: &Skeleton,
) -> Result<Object> {
    let numbers = annotation.keypoints.as_deref().unwrap_or_default();
    let (entries, rest) = numbers.as_chunks::<3>();
    let mut points = vec![None; skeleton.points.len()];
    // What has no keypoints at all may be of any category.
    ensure!(
        numbers.is_empty() || (entries.len() == places.len() && rest.is_empty()),
        "it has {} numbers for keypoints; {} points have {}",
        numbers.len(),
        places.len(),
        3 * places.len()
    );
    for (&[x, y, visibility], &place) in entries.iter().zip(places) {
        ensure!(
            [0.0, 1.0, 2.0].contains(&visibility),
            "point '{}' has the visibility {visibility}; there are 0, 1 and 2",
            skeleton.points[place]
        );
        if visibility == 0.0 {
            continue;
        }
        // Some count from the border of the first pixel, some from its centre.
        let inside = |at: f64, size: u32| (-0.5..=f64::from(size)).contains(&at);
        ensure!(
            inside(x, picture.width) && inside(y, picture.height),
            "point '{}' is at ({x}, {y}), outside of its {} x {} pixels",
            skeleton.points[place],
            picture.width,
            picture.height
        );
        points[place] = Some([x, y]);
    }
    let visible = points.iter().flatten().count();
    Ok(Object {
        points,
        missing: entries.len() - visible,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn file() -> Value {
        json!({
            "images": [
                {"id": 7, "file_name": "a.png", "width": 20, "height": 10},
                {"id": 8, "file_name": "b.png", "width": 20, "height": 10},
                {"id": 9, "file_name": "c.png", "width": 20, "height": 10},
            ],
            "categories": [
                {"id": 1, "keypoints": ["nose", "ear"], "skeleton": [[1, 2]]},
                {"id": 2, "keypoints": ["tail", "nose"], "skeleton": [[2, 1]]},
                {"id": 3, "name": "tree", "keypoints": null, "skeleton": null},
            ],
            "annotations": [
                {"image_id": 7, "category_id": 1, "keypoints": [1, 2, 2, 0, 0, 0]},
                {"image_id": 7, "category_id": 2, "keypoints": [3, 4, 1, 5, 6, 2]},
                {"image_id": 8, "category_id": 3},
                {"image_id": 8, "category_id": 1, "keypoints": [0, 0, 0, 19, 9, 2]},
                {"image_id": 9, "category_id": 1, "keypoints": [0, 0, 0, 0, 0, 0]},
            ],
        })
    }

    fn read(file: Value) -> Result<Annotated> {
        annotated(serde_json::from_value(file).unwrap())
    }

    #[test]
    fn categories_share_points_of_one_name() {
        let annotated = read(file()).unwrap();
        assert_eq!(annotated.skeleton.points, ["nose", "ear", "tail"]);
        assert_eq!(annotated.skeleton.edges, [[0, 1], [0, 2]]);
        let [(a, first), (b, second)] = &annotated.objects[..] else {
            panic!("two images have points");
        };
        assert_eq!([&a.file_name, &b.file_name], ["a.png", "b.png"]);
        // Of two objects, the one with more points.
        assert_eq!(first.points, [Some([5.0, 6.0]), None, Some([3.0, 4.0])]);
        assert_eq!(second.points, [None, Some([19.0, 9.0]), None]);
        assert_eq!(
            annotated.name(Path::new("c.json")),
            "c.json: 2 images, 3 points, 1 more missing; annotations left out: 2 without a point, \
             1 beside another of the same image"
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |pointer: &str, value: Value, expected: &str| {
            let mut file = file();
            *file.pointer_mut(pointer).unwrap() = value;
            let message = format!("{:#}", read(file).err().expect("an error"));
            assert!(message.contains(expected), "{message}");
        };
        let keypoints = "/annotations/0/keypoints";
        refused(keypoints, json!([1, 2, 2]), "3 numbers for keypoints");
        refused(
            keypoints,
            json!([20.5, 2, 2, 0, 0, 0]),
            "an annotation of a.png: point 'nose' is at (20.5, 2), outside of its 20 x 10 pixels",
        );
        refused(
            keypoints,
            json!([1, 2, -1, 0, 0, 0]),
            "an annotation of a.png: point 'nose' has the visibility -1",
        );
        refused("/images/1/id", json!(7), "two images have the id 7");
        refused(
            "/images/1/file_name",
            json!("a.png"),
            "a.png is listed twice",
        );
        refused("/categories/1/id", json!(1), "two categories have the id 1");
        refused("/annotations/0/image_id", json!(1), "image 1, which is not");
        refused("/annotations/0/category_id", json!(4), "category 4, which");
        refused("/annotations", json!([]), "there are no keypoints");
        refused("/categories/0/skeleton/0", json!([0, 1]), "joins points");
        refused(
            "/categories/0/keypoints",
            json!(["nose", "nose"]),
            "two points of one name",
        );
    }
}
