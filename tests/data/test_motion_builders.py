"""AddBiomechanics folders, the CMU conversion and 100STYLE in their published layouts, small and
real.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from jaxdiff.data import catalogue
from jaxdiff.data.builders.captured import CmuMocap, HundredStyle, read_index
from jaxdiff.errors import FileError

SHARED = Path(os.environ.get("JAXDIFF_SHARED", "shared")) / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared data")


@needs_shared
def test_addbiomechanics_gives_either_leg_in_the_reference_sense(tmp_path):
    (tmp_path / "files" / "study").mkdir(parents=True)
    shutil.copy(SHARED / "results.b3d", tmp_path / "files" / "study" / "anna.b3d")
    trials = catalogue.load(
        "addbiomechanics", manual_dir=tmp_path / "files", data_dir=tmp_path, progress=False
    )
    assert trials.subjects == ("study/anna",) and len(trials) == 4
    assert set(trials.column("side")) == {"left", "right"}
    grf = trials.recording(0, "grf")
    assert 9 < np.nanmax(grf["grf_normal"]) < 12 and np.nanmax(grf["grf_forward"]) > 1
    assert np.nanmean(grf["grf_medial"][grf["grf_normal"] > 5]) > 0
    angles = trials.recording(0, "angles")
    assert 55 < angles["knee_flexion"].max() < 95 and angles.units[0] == "deg"
    assert 1 < np.nanmax(trials.recording(0, "moments")["ankle_plantarflexion_moment"]) < 2
    with pytest.raises(FileError, match="no .b3d file"):
        (tmp_path / "none").mkdir()
        (tmp_path / "none" / "x.txt").write_text("x")
        catalogue.load(
            "addbiomechanics", manual_dir=tmp_path / "none", data_dir=tmp_path / "b", progress=False
        )


@needs_shared
def test_cmu_mocap_reads_files_captions_and_rates(tmp_path):
    root = tmp_path / "files"
    for name in ("07_01", "13_11"):
        (root / name[:2]).mkdir(parents=True)
        shutil.copy(SHARED / "bvh_samples" / f"cmu_{name}.bvh", root / name[:2] / f"{name}.bvh")
    (root / "cmu-mocap-index-text.txt").write_text(
        "Subject #7 (walk)\n07_01\twalk\n13_11\tjump, high\n"
    )
    trials = catalogue.load("cmu_mocap", manual_dir=root, data_dir=tmp_path, progress=False)
    assert trials.subjects == ("07", "13") and trials.captions == (("walk",), ("jump, high",))
    walk = trials.recording(0, "joints")
    assert walk.rate == 20 and 1.2 < walk["head_y"].mean() < 1.7
    assert trials.modality("motion").shape[1] == 263


def test_the_index_is_read_as_text_and_as_csv(tmp_path):
    (tmp_path / "CMU data.csv").write_text(
        "trial,description,rate\n7_1,walk slowly,120\n02_03,run,60\n"
    )
    assert read_index(tmp_path) == {"07_01": ("walk slowly", 120.0), "02_03": ("run", 60.0)}
    (tmp_path / "cmu-mocap-index-text.txt").write_text(
        "Subject #7\n07_01  walk  on uneven ground\n"
    )
    assert read_index(tmp_path)["07_01"][0] == "on uneven ground"


def test_humanml3d_clips_are_cut_from_the_database(tmp_path):
    (tmp_path / "07").mkdir()
    (tmp_path / "07" / "07_01.bvh").write_text("")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "000123.txt").write_text("a man walks.#a/DET man/NOUN#0.0#0.0\n")
    (tmp_path / "index.csv").write_text(
        "source_path,start_frame,end_frame,new_name\n"
        "./pose_data/CMU/07/07_01_poses.npy,10,70,000123.npy\n"
        "./pose_data/KIT/3/a_poses.npy,0,70,000124.npy\n"
    )
    (clip,) = CmuMocap.clips(CmuMocap.__new__(CmuMocap), tmp_path)
    assert (clip.name, clip.start, clip.stop, clip.captions) == (
        "000123",
        0.5,
        3.5,
        ["a man walks."],
    )


def test_styles_have_captions_and_cuts(tmp_path):
    (tmp_path / "BentForward").mkdir()
    (tmp_path / "BentForward" / "BentForward_FW.bvh").write_text("")
    (tmp_path / "Frame_Cuts.csv").write_text("STYLE_NAME,FW_START,FW_STOP\nBentForward,60,600\n")
    (clip,) = HundredStyle.clips(HundredStyle.__new__(HundredStyle), tmp_path)
    assert clip.captions == ["a person walks forward in the style: bent forward."]
    assert (clip.start, clip.stop, clip.subject) == (1.0, 10.0, "BentForward")
