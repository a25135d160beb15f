import { t } from '../l10n';
import { Icon } from './Icon';
import { Menu, type MenuItem } from './Menu';

/** The quiet way from what is shown to a NumPy file. */
export function SaveMenu({ items, testId }: { readonly items: readonly MenuItem[]; readonly testId: string }) {
  return (
    <Menu label={t('Save as .npy…')} class="icon-button" testId={testId} items={items}>
      <Icon name="save" />
    </Menu>
  );
}
