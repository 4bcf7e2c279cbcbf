"""The commands: where the code of each is, what it does, and how it is called. Only names are here.

main.py imports what they name when it is needed.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Stage(NamedTuple):
    """One subcommand: its options class (or a function of argv that returns one), its entry point.

    Related small tools have names of two words, such as "video cut". What `check` names is called
    with the options before anything is asked or heavy libraries are loaded; `examples` are what may
    follow the name, with their meaning; `begins` is announced before what `run` names is imported,
    where that and its first work take a second or more.

    For the last lines (`utils.ending`): `makes` is the option that says what is made, `then` is the
    next command outside of a workspace, with options in braces, and `then_here` the one in it where
    what was made is not in its usual place. After Ctrl-C the same command goes
    on, if it `resumes`; if what it made is `usable`, the next step is named, too.
    """

    options: str
    run: str
    help: str
    check: str | None = None
    examples: Mapping[str, str] = MappingProxyType({})
    begins: str = ""
    makes: str | None = None
    then: str = ""
    then_here: str = ""
    resumes: bool = False
    usable: bool = False


STAGES = {
    "status": Stage(
        "tools.options:StatusOptions",
        "tools.status:run",
        "say what is there in the workspace, and what to do next",
        examples={"": "of the workspace here", "--workspace DIR": "of another one"},
    ),
    "run": Stage(
        "tools.options:RunOptions",
        "tools.run:run",
        "go the whole way in the workspace, from two clips to the result",
        examples={"--minutes 60": "with an hour of training, earlier runs included"},
        resumes=True,
    ),
    "workbench": Stage(
        "workbench.options:WorkbenchOptions",
        "workbench.server:run",
        "do the whole job on one page in the browser",
        examples={
            "": "with the workspace here, or a new folder called workspace",
            "--no-open": "over ssh: forward the port, open the printed address at home",
        },
    ),
    "extract": Stage(
        "extractor.options:ExtractOptions",
        "extractor.supervisor:run",
        "find faces in footage and align them",
        check="extractor.checks:check",
        begins="opening the footage",
        examples={
            "src": "data_src.mp4 in the workspace, or beside you, gives data_src/aligned",
            "dst": "the same for the footage to change",
            "--input-dir clip.mp4 --output-dir faces": "without a workspace",
        },
        makes="output_dir",
        then="sort --input-dir {output_dir} --by hist",
        resumes=True,
    ),
    "sort": Stage(
        "sorter.options:SortOptions",
        "sorter.sort:run",
        "order faces so that bad ones group together",
        check="sorter.checks:check",
        begins="reading the faces",
        examples={
            "src --by hist": "similar colors next to each other",
            "src --undo": "take it back",
            "src --by blur --page faces.html": "sharpest first, and a page to look at",
        },
        makes="input_dir",
        usable=True,
    ),
    "train": Stage(
        "trainer.options:for_arguments",
        "trainer.train:run",
        "train a model on the faces of two people",
        check="trainer.checks:check",
        begins="reading the faces",
        examples={
            "": "the faces in the workspace, into model; Ctrl-C saves and stops",
            "--model Quick96 --target-minutes 60": "a new model for a CPU, for an hour",
        },
        makes="model_dir",
        usable=True,
        resumes=True,
    ),
    "convert": Stage(
        "converters.options:ConvertOptions",
        "converters.convert:run",
        "swap src's face into dst's footage",
        check="converters.checks:check",
        begins="opening the footage and its faces",
        examples={
            "": "data_dst.mp4 in the workspace becomes result.mp4",
            "--interactive": "choose the look in a window",
            "--overwrite --mode seamless": "again, in another look",
        },
        makes="output_dir",
        then_here="evaluate --result {output_dir}",
        resumes=True,
    ),
    "verify": Stage(
        "tools.options:VerifyOptions",
        "tools.verify:run",
        "check whether files are marked as synthetic, signed and unchanged",
        examples={
            "result.mp4": "what the file states of itself",
        },
    ),
    "evaluate": Stage(
        "tools.evaluate.options:EvaluateOptions",
        "tools.evaluate.evaluate:run",
        "measure the quality of a swap",
        check="tools.evaluate.options:check",
        begins="opening the clips and the faces",
        examples={
            "": "result.mp4 in the workspace",
            "--every 5": "faster: every fifth frame",
        },
        makes="output",
        then=(
            "train --training-data-src-dir {src_aligned} --training-data-dst-dir {dst_aligned}"
            " --model-dir {model_dir}"
        ),
    ),
    "weights": Stage(
        "tools.options:WeightsOptions",
        "tools.weights:run",
        "download the weights of the face detection and recognition networks",
        then="status",
        resumes=True,
    ),
    "queue add": Stage(
        "workbench.options:QueueAddOptions",
        "workbench.queue:add",
        "add a command to the queue of the workspace",
        examples={
            "extract src": "a command without flags",
            "--after 1 2 -- train --target-minutes 60": "when jobs 1 and 2 are done",
        },
    ),
    "queue list": Stage(
        "workbench.options:QueueListOptions",
        "workbench.queue:show",
        "list the jobs of the queue and what became of them",
    ),
    "queue run": Stage(
        "workbench.options:QueueRunOptions",
        "workbench.queue:run",
        "run the jobs of the queue until none is left that can run",
    ),
    "queue move": Stage(
        "workbench.options:QueueMoveOptions",
        "workbench.queue:move",
        "change the order of the jobs that wait",
        examples={"4 --before 2": "job 4 runs before job 2"},
    ),
    "queue retry": Stage(
        "workbench.options:QueueRetryOptions",
        "workbench.queue:retry",
        "let jobs that have ended wait again",
    ),
    "queue cancel": Stage(
        "workbench.options:QueueCancelOptions",
        "workbench.queue:cancel",
        "take jobs out of the queue, or stop them",
    ),
    "util clear-workspace": Stage(
        "tools.options:ClearWorkspaceOptions",
        "tools.clear:run",
        "move all that is in the workspace to its trash, after asking",
    ),
    "util export": Stage(
        "tools.util.options:ExportOptions",
        "tools.util.export:run",
        "export a model's swap network as .dfm, .keras or .onnx",
        makes="output",
    ),
    "video extract": Stage(
        "tools.video.options:ExtractFramesOptions",
        "tools.video.extract:run",
        "extract the frames of a video as images",
        examples={
            "src": "data_src.mp4 in the workspace becomes images in data_src",
            "--input-file clip.mp4 --output-dir frames": "without a workspace",
        },
        makes="output_dir",
        resumes=True,
    ),
    "video make": Stage(
        "tools.video.options:MakeOptions",
        "tools.video.make:run",
        "make a video from images, with exact timestamps and audio",
        makes="output_file",
    ),
    "video cut": Stage(
        "tools.video.options:CutOptions",
        "tools.video.cut:run",
        "cut a part out of a video, without re-encoding where possible",
        examples={
            "--input-file a.mp4 --output-file b.mp4 --from 0:10 --to 0:25": "fifteen seconds",
        },
        makes="output_file",
    ),
    "video denoise": Stage(
        "tools.video.options:DenoiseOptions",
        "tools.video.denoise:run",
        "denoise a video or a folder of frames",
        examples={"dst": "data_dst.mp4 in the workspace gives data_dst_denoised.mp4"},
        makes="output_dir",
    ),
    "util import-dfl": Stage(
        "tools.util.options:ImportOptions",
        "tools.util.import_dfl:run",
        "import faces extracted by DeepFaceLab",
        makes="output_dir",
        resumes=True,
    ),
    "util refit": Stage(
        "tools.util.options:RefitOptions",
        "tools.util.refit:run",
        "cut faces out of their footage again, as another type or size",
        begins="reading the faces",
        examples={"src --face-type head --image-size 768": "src's faces, as data_src/aligned_head"},
        makes="output_dir",
        resumes=True,
    ),
    "util import-dfl-model": Stage(
        "tools.util.options:ImportModelOptions",
        "tools.util.import_dfl_model:run",
        "go on with a model that DeepFaceLab 2 trained",
        begins="loading the libraries",
        examples={"--input-dir dfl/model": "into model in the workspace; then train goes on"},
        makes="model_dir",
    ),
    "util export-masks": Stage(
        "tools.util.options:ExportMasksOptions",
        "tools.util.masks:export_masks",
        "write the masks of faces as images",
        makes="output_dir",
    ),
    "util import-masks": Stage(
        "tools.util.options:ImportMasksOptions",
        "tools.util.masks:import_masks",
        "put masks that other programs made into faces",
        makes="input_dir",
    ),
    "util debug-pictures": Stage(
        "tools.util.options:DebugPicturesOptions",
        "tools.util.debug_pictures:run",
        "draw the landmarks of all faces for inspection",
        makes="output_dir",
    ),
    "util show-frame": Stage(
        "tools.util.options:ShowFrameOptions",
        "tools.util.show_frame:run",
        "show a frame, or the one that a face was found in, with its landmarks",
        check="tools.util.frame_checks:check",
        examples={
            "src --face 00012.png --output frame.jpg": "the frame of a face",
            "dst --frame 12.5s --output frame.png": "the frame that is shown at that time",
        },
    ),
    "util edit-faces": Stage(
        "extractor.options:EditFacesOptions",
        "extractor.manual.edit:run",
        "correct the faces of an extraction, frame by frame",
        check="extractor.checks:check_edit",
        begins="opening the footage",
        examples={"dst --frames doubtful": "the frames that extract listed for review"},
        makes="output_dir",
        resumes=True,
    ),
    "util recover-names": Stage(
        "sorter.options:RecoverNamesOptions",
        "sorter.sort:recover_names",
        "restore the names that extract gave to faces",
        makes="input_dir",
        usable=True,
    ),
    "util list-faces": Stage(
        "sorter.options:ListFacesOptions",
        "sorter.table:run",
        "write a table of all faces: pose, sharpness, scores, people, frames",
    ),
    "util delete-faces": Stage(
        "sorter.options:DeleteFacesOptions",
        "sorter.deletion:delete",
        "move faces to the trash; util restore-faces takes it back",
        check="sorter.deletion:check",
        examples={
            "src --names 00012.png 00017.png": "two faces",
            "src --names-from list.txt": "those whose names are the lines of a file",
        },
    ),
    "util restore-faces": Stage(
        "sorter.options:RestoreFacesOptions",
        "sorter.deletion:restore",
        "take back the last util delete-faces, repeated the ones before it",
    ),
    "util pack": Stage(
        "tools.util.options:PackOptions",
        "tools.util.pack:pack",
        "pack a folder of faces into one file",
    ),
    "util unpack": Stage(
        "tools.util.options:UnpackOptions",
        "tools.util.pack:unpack",
        "unpack a file written by util pack",
        resumes=True,
    ),
    "util draw-masks": Stage(
        "tools.mask.options:DrawMasksOptions",
        "tools.mask.draw:run",
        "draw on faces where they are visible; on the workbench's page Masks",
        check="tools.mask.draw:check",
        begins="reading the faces",
        examples={"src --remote --progress json": "for other programs"},
        makes="input_dir",
        resumes=True,
    ),
    "mask apply": Stage(
        "tools.mask.options:ApplyMasksOptions",
        "tools.mask.apply:apply",
        "give faces the masks of a trained mask model",
        begins="reading the faces",
        examples={"src": "the workspace's faces of src, by the model in mask_model"},
        makes="input_dir",
        resumes=True,
        usable=True,
    ),
    "mask remove": Stage(
        "tools.mask.options:RemoveMasksOptions",
        "tools.mask.apply:remove",
        "remove the masks from faces; what was drawn by hand stays",
        makes="input_dir",
        resumes=True,
    ),
    "util save-metadata": Stage(
        "tools.util.options:SaveMetadataOptions",
        "tools.util.metadata:save",
        "save face metadata before another program edits the images",
    ),
    "util restore-metadata": Stage(
        "tools.util.options:RestoreMetadataOptions",
        "tools.util.metadata:restore",
        "restore saved face metadata into edited images",
        makes="input_dir",
    ),
}
ALIASES = {"merge": "convert"}
KINDS = {
    "footage": "utils.video.footage:check",
    "faces": "facelib.face_folder:check",
    "model": "models.model_folder:check",
    "mask model": "models.model_folder:check_masks",
    "network": "facelib.weights:check",
}
"""What checks the value of an option by its kind."""
TOPICS = {
    "models": "models:MODELS",
    "modes": "converters:BLENDS",
    "masks": "converters:MASKS",
    "colors": "facelib.color_transfer:COLORS",
    "sorting": "sorter:METHODS",
    "detectors": "facelib.detectors:DETECTORS",
    "landmarkers": "facelib.landmarkers:LANDMARKERS",
    "recognizers": "facelib.recognizers:RECOGNIZERS",
}
"""What `help TOPIC` explains: the entries of a registry."""
