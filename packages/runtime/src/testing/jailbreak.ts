import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

/**
 * Run by a test with the user of an executor, and none of its flags: what somebody who has broken
 * out of one tries with its private folder. Says what of it was possible.
 */

const [stage = '', component = '', file = '', elsewhere = ''] = process.argv.slice(2);

const tries: Readonly<Record<string, () => unknown>> = {
  read: () => readFileSync(`${stage}/${component}/${file}`),
  linkInStage: () => symlinkSync(elsewhere, `${stage}/planted`),
  folderInStage: () => mkdirSync(`${stage}/planted-folder`),
  linkInComponent: () => symlinkSync(elsewhere, `${stage}/${component}/planted`),
  componentAway: () => renameSync(`${stage}/${component}`, `${stage}/away`),
  componentByLink: () => {
    rmSync(`${stage}/${component}`, { recursive: true });
    symlinkSync(elsewhere, `${stage}/${component}`);
  },
  fileAway: () => rmSync(`${stage}/${component}/${file}`),
  fileWritten: () => writeFileSync(`${stage}/${component}/${file}`, 'written'),
  fileOpened: () => chmodSync(`${stage}/${component}/${file}`, 0o666),
  stageOpened: () => chmodSync(stage, 0o777),
  stageAway: () => renameSync(stage, `${stage}-away`),
};

const possible = Object.entries(tries).flatMap(([name, run]) => {
  try {
    run();
    return [name];
  } catch {
    return [];
  }
});
process.send?.(possible, undefined, undefined, () => process.disconnect?.());
